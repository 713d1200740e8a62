package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// placing is one file of a batch on its way to its name.
type placing struct {
	*storage.Publication
	p *partial // nil: not begun here
}

// ready reports what keeps the file from being published.
func (pub *placing) ready() error {
	p := pub.p
	if p == nil {
		return fail("publishing", pub.Entry.Name, errors.New("it was begun elsewhere"))
	}
	if err := p.failed.Load(); err != nil {
		return err
	}
	switch {
	case !p.sealed || p.ended:
		return p.fail("publishing", errors.New("not a complete file"))
	case pub.Entry.Name != p.item:
		return p.fail("publishing", fmt.Errorf("it was begun as %q: %w", pub.Entry.Name, tree.ErrName))
	}
	return nil
}

func (pub *placing) sync() {
	if pub.p.body.file == nil {
		return // spilled: synced already
	}
	if err := pub.p.sync(); err != nil {
		pub.poison("syncing", err)
	}
}

// poison unlinks what may not be trusted any more, before anybody hears of it.
func (pub *placing) poison(op string, err error) {
	p := pub.p
	err = p.broke(op, err)
	if e := p.remove(); e != nil {
		err = &storage.Error{Kind: classify(err), Op: "removing what failed", Path: p.parent.path(p.item),
			Err: errors.Join(err, e)}
	}
	pub.Err = err
}

// place gives the partial its name and ends it.
func (pub *placing) place() error {
	p, name := pub.p, pub.Entry.Name
	info, err := pub.put(name)
	if err != nil && p.body.name == "" && unlinkable(err) {
		if err = pub.copyToName(); err != nil {
			pub.poison("publishing", err)
			return pub.Err
		}
		info, err = pub.put(name)
	}
	for i := 1; pub.Rename && !pub.Replace && errors.Is(err, fs.ErrExist) && i <= storage.MaxAlternatives; i++ {
		pub.Name = storage.Alternative(name, i)
		err = p.body.link(pub.Name)
	}
	if err != nil {
		err = pub.named(name, err)
		pub.Name = ""
		if errors.Is(err, fs.ErrExist) {
			// Others put something into a folder that was ours alone.
			p.parent.fresh.Store(false)
		}
		return p.fail("publishing", err)
	}
	p.ended = true
	at := name
	if pub.Name != "" {
		at = pub.Name
	}
	p.f.targets.note(pub.Entry, p.parent, at, info, p.f.dress.granted)
	pub.Lost = p.lost
	if p.key != "" {
		if err := p.removeHint(); err != nil {
			p.f.short.leftover(p.body.dir.Path(), err) // the next run finds that it serves nothing
		}
	}
	return p.fail("publishing", p.release())
}

// put gives the content its name, and returns what it is then.
func (pub *placing) put(name string) (tree.Info, error) {
	info, err := pub.identity()
	switch {
	case err != nil:
	case pub.Replace:
		err = pub.replace(name)
	default:
		err = pub.p.body.link(name)
	}
	return info, err
}

// identity returns what the content is, if hard links to it may come.
func (pub *placing) identity() (tree.Info, error) {
	b := &pub.p.body
	switch {
	case !pub.Entry.Linked:
		return tree.Info{}, nil
	case b.file == nil:
		return b.dir.Lstat(b.name)
	}
	return tree.Fstat(b.file)
}

// replace gives the content its name, free or not.
func (pub *placing) replace(name string) error {
	p, n := pub.p, pub.p.parent
	put := func(dir *tree.Dir, temp string) error { return dir.Rename(temp, n.dir, name, true) }
	if pub.Expect != nil {
		now, err := n.dir.Lstat(name)
		if err == nil && !n.vol.unchanged(now, *pub.Expect) {
			err = storage.ErrChanged
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && p.f.way.replaces(now, true) {
			return p.body.put(func(dir *tree.Dir, temp string) error { return p.f.way.trade(dir, temp, n, name) })
		}
	}
	if p.body.name == "" {
		if err := n.dir.LinkUnnamed(p.body.file, name); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return p.body.put(put)
}

// named is node.named for the content, which may itself be gone.
func (pub *placing) named(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && pub.p.body.gone() {
		return err
	}
	return pub.p.parent.named(name, err)
}

// unlinkable reports whether a file without a name cannot be given one here, as err
// says: some file systems have such files and no links.
func unlinkable(err error) bool {
	return tree.Refused(err) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EMLINK)
}

// copyToName copies the synced content of a file that cannot be given a name to a file with
// a temporary name, which can be renamed. The new file gets the entry's metadata, and is
// synced and read again: what was found of the first file says nothing of this one. From
// now on no file of the volume is written without a name.
func (pub *placing) copyToName() error {
	p := pub.p
	b, verify := &p.body, p.f.opts.VerifyDisk
	from := b.file
	p.parent.vol.noUnnamed.Store(true)
	if err := b.create(); err != nil {
		b.file = from
		return err
	}
	if verify {
		setDirect(from, false) // see readBack; what is copied is of any length
	}
	info, err := tree.Fstat(from)
	old := tree.NewContent(from, info)
	for index := uint64(0); err == nil && index < checksum.Chunks(info.Size); index++ {
		err = p.copyChunk(b.file, old, int64(index)*checksum.ChunkSize, checksum.ChunkLen(info.Size, index))
	}
	if err == nil {
		err = setSize(b.file, info.Size)
	}
	if err == nil && !verify {
		var got checksum.Digest
		if got, err = digestOf(b.file, alignedBuffer()); err == nil && got != p.digest {
			err = storage.ErrMismatch
		}
	}
	if err == nil {
		p.lost, err = p.f.dress.applyNew(p.parent, pub.Entry).ToFile(b.file)
	}
	if err == nil {
		err = p.sync()
	}
	if err == nil && verify {
		err = p.readBack(nil)
	}
	return errors.Join(err, old.Close())
}
