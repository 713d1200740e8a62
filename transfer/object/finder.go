package object

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"sync"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// finder is storage.Finder: what stands at the place.
type finder struct {
	s     *store
	nodes *nodes
	d     *dresser

	mu   sync.Mutex        // guards read; a leaf
	read map[string]string // the ETags of files that were opened last, by their keys
}

// maxRead bounds the files that are remembered. Of one that is forgotten a change shows only
// while it is read.
const maxRead = 1 << 14

// dresser says what metadata an object gets.
type dresser struct {
	granted tree.Metadata // set by Start
}

// meta is the metadata of a new object of e.
func (d *dresser) meta(e *tree.Entry) meta {
	return meta{MTime: e.MTime, HasMTime: true, Mode: d.granted.Permissions(e.Mode, 0), HasMode: true}
}

// Stat is storage.Finder's. It asks the store only about what stood there when the folder was
// listed.
func (f *finder) Stat(e *tree.Entry) (tree.Info, error) {
	p, err := f.nodes.parent(e)
	if err != nil {
		return tree.Info{}, fail("looking up", f.nodes.path(e), err)
	}
	o, kind, err := f.look(p)
	switch {
	case err != nil:
		return tree.Info{}, fail("looking up", p.path, err)
	case kind&isFile != 0:
		return f.info(e, o), nil
	case kind&isFolder != 0:
		return tree.Info{Kind: tree.Folder, Mode: 0o755, Allocated: -1}, nil
	}
	return tree.Info{}, fs.ErrNotExist
}

// look tells what stands at a place, and of a file its object.
func (f *finder) look(p place) (o bucket.Object, kind uint8, err error) {
	if p.in.fresh() {
		return o, 0, nil
	}
	kind, err = p.in.list.kind(p.name)
	if err != nil || kind&isFile == 0 {
		return o, kind, err
	}
	o, err = p.in.list.head(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return o, kind &^ isFile, nil
	}
	return o, kind, err
}

// info is what an object tells of itself. E is what it is compared with: an object without a
// mode of its own has e's.
func (f *finder) info(e *tree.Entry, o bucket.Object) tree.Info {
	m := decodeMeta(o.Meta)
	i := infoOf(o, m)
	if !m.HasMode {
		i.Mode = f.d.granted.Permissions(e.Mode, 0)
	}
	return i
}

// infoOf is the Info of an object with metadata m. Its ETag tells versions apart.
func infoOf(o bucket.Object, m meta) tree.Info {
	changed := tree.Time{Sec: o.Modified.Unix(), Nsec: uint32(o.Modified.Nanosecond())}
	sum := checksum.Sum([]byte(o.ETag))
	i := tree.Info{
		Kind: tree.File, Mode: m.Mode, Size: o.Size, MTime: m.MTime, CTime: changed,
		Ino: binary.LittleEndian.Uint64(sum[:]), Nlink: 1, Allocated: o.Size,
	}
	if !m.HasMTime {
		i.MTime = changed
	}
	return i
}

// Open is storage.Finder's.
func (f *finder) Open(e *tree.Entry) (storage.File, error) {
	p, err := f.nodes.parent(e)
	if err != nil {
		return nil, fail("reading", f.nodes.path(e), err)
	}
	o, kind, err := f.look(p)
	switch {
	case err != nil:
		return nil, fail("reading", p.path, err)
	case kind&isFile != 0:
		o.Key = p.path
		f.mu.Lock()
		if len(f.read) >= maxRead || f.read == nil {
			f.read = make(map[string]string)
		}
		f.read[p.path] = o.ETag
		f.mu.Unlock()
		return &file{s: f.s, object: o, info: f.info(e, o)}, nil
	case kind&isFolder != 0:
		return nil, fail("reading", p.path, tree.ErrNotRegular)
	}
	return nil, fs.ErrNotExist
}

// opened is the ETag of a file that was opened, once; empty if none was.
func (f *finder) opened(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	etag := f.read[key]
	delete(f.read, key)
	return etag
}

// MayPut is storage.Finder's. Whether these credentials may write, only writing tells.
func (f *finder) MayPut(e *tree.Entry) error {
	_, err := f.nodes.parent(e)
	return fail("looking up", f.nodes.path(e), err)
}

// KeepsTime is storage.Finder's: times are kept exactly.
func (f *finder) KeepsTime(e *tree.Entry, found tree.Info) bool { return found.MTime == e.MTime }

// Unchanged is storage.Finder's.
func (f *finder) Unchanged(_ *tree.Entry, now, before tree.Info) bool { return now.SameVersion(before) }

// Free is storage.Finder's: no store tells.
func (f *finder) Free() (int64, error) { return math.MaxInt64, nil }
