package serve

import (
	"errors"
	"io"
	"io/fs"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// mostTwins bounds how many files of one name are compared with a new one: each that is of
// its size is read.
const mostTwins = 8

// twins finds what is there already of what has come.
type twins struct {
	there storage.Finder
	maker storage.Maker
}

// stands looks for a file of this name, or of the first most-1 that stand for it, that is the
// same. It is kept, and the new one let go. Name is the one that stands for it; "": its own.
func (t *twins) stands(pub *storage.Publication, most int) (name string, same bool, err error) {
	p, ok := pub.Partial.(*meteredPartial)
	if !ok {
		return "", false, nil
	}
	for i := range most {
		probe := *pub.Entry
		if i > 0 {
			name = storage.Alternative(pub.Entry.Name, i)
			probe.Name = name
		}
		info, err := t.there.Stat(&probe)
		if errors.Is(err, fs.ErrNotExist) && i > 0 {
			return "", false, nil
		}
		if err != nil || info.Kind != tree.File || info.Size != p.size || !t.holds(&probe, p) {
			continue // what cannot be read is another one
		}
		if _, err := t.maker.Keep(&probe); err != nil {
			return "", false, err
		}
		p.m.account.settle(p.entry.ID, p.size)
		return name, true, p.Discard(false)
	}
	return "", false, nil
}

// holds reads the file under e's name and tells whether it is what p is.
func (t *twins) holds(e *tree.Entry, p *meteredPartial) bool {
	file, err := t.there.Open(e)
	if err != nil {
		return false
	}
	defer file.Close() // only read
	h := checksum.NewHasher()
	n, err := io.Copy(h, io.NewSectionReader(file, 0, p.size+1))
	return err == nil && n == p.size && h.Sum() == p.root
}

// seeingFiles publishes files for who may know what is there. It was looked when the delivery
// planned a file; whoever brought another under its name since then is met here:
//
//   - The same file is what was to be: a client that lost its link has come again, to another
//     server before the same root or to this one, and the first delivery has published it.
//   - Another one keeps its name, and the file gets the name that is free next, as at any
//     conflict; where the key replaces, or names are fixed by then, the conflict is told.
type seeingFiles struct {
	storage.Files
	twins
	renames bool
}

// Publish is storage.Files'.
func (f *seeingFiles) Publish(list []*storage.Publication) error {
	err := f.Files.Publish(list)
	for _, pub := range list {
		if err == nil && !pub.Rename && taken(pub.Err) {
			err = f.settle(pub)
		}
	}
	return err
}

// settle publishes a file whose name was taken meanwhile.
func (f *seeingFiles) settle(pub *storage.Publication) error {
	most := 1
	if f.renames {
		most = mostTwins
	}
	name, same, err := f.stands(pub, most)
	switch {
	case same || err != nil:
		pub.Name, pub.Err = name, err
		return nil
	case !f.renames:
		return nil
	}
	pub.Replace, pub.Expect, pub.Rename, pub.Err = false, nil, true, nil
	return f.Files.Publish([]*storage.Publication{pub})
}

// seeingRenamer is seeingFiles of a place where a file's name is fixed when it begins.
type seeingRenamer struct {
	*seeingFiles
	storage.Renamer
}
