package dest

import (
	"errors"
	"fmt"
	"io/fs"

	"ferry/transfer/tree"
)

// maxSyncs is how many files are synced at a time: enough that a journal
// commits many together, few enough for any file system.
const maxSyncs = 16

// fewFiles is the size of a batch up to which each file is synced by itself,
// since a syncfs also writes what the rest of the machine has pending.
const fewFiles = 8

// Publication is a sealed partial to be given its final name.
type Publication struct {
	P *Partial
	E *tree.Entry // the entry that P was begun for

	// Replace takes the place of what is there, of a folder only after MakeWay. Expect,
	// if not nil, is what the caller saw there: if it has changed since, the
	// result is a Conflict.
	Replace bool
	Expect  *tree.Info
	// Rename takes the first free name of Alternative if E's own is taken.
	Rename bool

	Name string // out: the name, if Rename chose another than E's
	Err  error  // out: nil once it is published
}

// Publish syncs the content of batch, checks it if Options.VerifyDisk, and then
// names each. The results are in Err; an item with one remains the caller's to
// Discard or, after a Conflict, to publish otherwise. What failed to sync or to
// verify is unlinked. The error returned is not nil only if nothing else can be
// delivered here: no space, an I/O error, a read-only file system, or another
// folder under the destination's name. Batches of up to 1000 small files are
// cheapest. Names become durable with Finish.
func (f *Folder) Publish(batch []*Publication) error {
	for _, pub := range batch {
		pub.Name, pub.Err = "", pub.ready()
	}
	if err := f.present(); err != nil {
		for _, pub := range batch {
			if pub.Err == nil {
				pub.Err = err
			}
		}
		return err
	}
	if f.opts.NoSync {
		f.eachReady(batch, f.width, func(_ int, pub *Publication) { pub.sync() })
	} else {
		f.syncBatch(batch)
	}
	if f.opts.VerifyDisk {
		buffers := make([][]byte, maxReads)
		f.eachReady(batch, min(maxReads, f.width), func(worker int, pub *Publication) {
			if buffers[worker] == nil {
				buffers[worker] = alignedBuffer()
			}
			if pub.P.file == nil {
				return // verified when it was spilled
			}
			if err := pub.P.readBack(buffers[worker]); err != nil {
				pub.poison("reading back", err)
			}
		})
	}
	var stop error
	for _, pub := range batch {
		if pub.Err == nil {
			pub.Err = pub.place()
		}
		if stop == nil && stops(pub.Err) {
			stop = pub.Err
		}
	}
	return stop
}

// ready reports what keeps pub from being published.
func (pub *Publication) ready() error {
	p := pub.P
	if err := p.failed.Load(); err != nil {
		return err
	}
	switch {
	case !p.sealed || p.ended:
		return p.fail("publishing", errors.New("not a complete file"))
	case pub.E.Name != p.item:
		return p.fail("publishing", fmt.Errorf("it was begun as %q: %w", pub.E.Name, tree.ErrName))
	}
	return nil
}

// eachReady calls do for each of batch that has not failed, several at a time.
func (f *Folder) eachReady(batch []*Publication, width int, do func(worker int, pub *Publication)) {
	fanOut(len(batch), width, func(worker, i int) {
		if batch[i].Err == nil {
			do(worker, batch[i])
		}
	})
}

// syncBatch makes the contents durable: one syncfs a volume, or each by itself
// where that is not to be relied on, or where it failed, to find which it was.
func (f *Folder) syncBatch(batch []*Publication) {
	synced := make(map[*volume]bool)
	if len(batch) > fewFiles {
		for _, pub := range batch {
			v := pub.P.vol
			if _, tried := synced[v]; !tried {
				synced[v] = v.whole() && v.syncAll() == nil
			}
		}
	}
	f.eachReady(batch, f.width, func(_ int, pub *Publication) {
		if !synced[pub.P.vol] {
			pub.sync()
		}
	})
}

func (pub *Publication) sync() {
	if pub.P.file == nil {
		return // spilled: synced already
	}
	if err := pub.P.sync(); err != nil {
		pub.poison("syncing", err)
	}
}

// poison unlinks what may not be trusted any more, before anybody hears of it.
func (pub *Publication) poison(op string, err error) {
	err = pub.P.broke(op, err)
	if e := pub.P.remove(); e != nil {
		err = &Error{Kind: classify(err), Op: "removing what failed", Path: pub.P.parent.path(pub.P.item),
			Err: errors.Join(err, e)}
	}
	pub.Err = err
}

// place gives the partial its name and ends it.
func (pub *Publication) place() error {
	p, name := pub.P, pub.E.Name
	info, err := pub.put(name)
	if err != nil && p.name == "" && unlinkable(err) {
		if err = p.copyToName(pub.E); err != nil {
			pub.poison("publishing", err)
			return pub.Err
		}
		info, err = pub.put(name)
	}
	for i := 1; pub.Rename && !pub.Replace && errors.Is(err, fs.ErrExist) && i <= maxAlternatives; i++ {
		pub.Name = Alternative(name, i)
		err = p.link(pub.Name)
	}
	if err != nil {
		err = p.named(name, err)
		pub.Name = ""
		if errors.Is(err, fs.ErrExist) {
			// Others put something into a folder that was ours alone.
			p.parent.fresh.Store(false)
		}
		return p.fail("publishing", err)
	}
	p.ended = true
	if pub.E.Linked {
		at := name
		if pub.Name != "" {
			at = pub.Name
		}
		p.f.remember(pub.E, p.parent, at, info)
	}
	p.f.lose(pub.E.ID, p.lost)
	if p.key != "" {
		if err := p.removeHint(); err != nil {
			p.f.short.leftover(p.dir.Path(), err) // the next run finds that it serves nothing
		}
	}
	return p.fail("publishing", p.release())
}

// put gives the content its name, and returns what it is then.
func (pub *Publication) put(name string) (tree.Info, error) {
	info, err := pub.identity()
	switch {
	case err != nil:
	case pub.Replace:
		err = pub.replace(name)
	default:
		err = pub.P.link(name)
	}
	return info, err
}

// named is node.named for the content, which may itself be gone.
func (p *Partial) named(name string, err error) error {
	if p.name != "" && errors.Is(err, fs.ErrNotExist) {
		if _, gone := p.dir.Lstat(p.name); gone != nil {
			return err
		}
	}
	return p.parent.named(name, err)
}

// identity returns what the content is, if hard links to it may come.
func (pub *Publication) identity() (tree.Info, error) {
	p := pub.P
	switch {
	case !pub.E.Linked:
		return tree.Info{}, nil
	case p.file == nil:
		return p.dir.Lstat(p.name)
	}
	return tree.Fstat(p.file)
}

// link gives the content its name if that is free, else fails with fs.ErrExist.
func (p *Partial) link(name string) error {
	if p.name == "" {
		return p.parent.dir.LinkUnnamed(p.file, name)
	}
	return p.rename(name, false)
}

// replace gives the content its name, free or not.
func (pub *Publication) replace(name string) error {
	p := pub.P
	if pub.Expect != nil {
		now, err := p.parent.dir.Lstat(name)
		if err == nil && !p.vol.unchanged(now, *pub.Expect) {
			err = ErrChanged
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && p.f.replacesFolder(now, true) {
			return p.trade(name)
		}
	}
	if p.name != "" {
		return p.rename(name, true)
	}
	err := p.parent.dir.LinkUnnamed(p.file, name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	// No system links over a name: it takes one in between.
	temp := tempName()
	return p.vol.inState(func(dir *tree.Dir) error {
		if err := dir.LinkUnnamed(p.file, temp); err != nil {
			return err
		}
		err := dir.Rename(temp, p.parent.dir, name, true)
		if err != nil {
			err = errors.Join(err, dir.Remove(temp, false))
		}
		return err
	})
}

// Unchanged reports whether now, of what stands at e's name, is what before was.
func (f *Folder) Unchanged(e *tree.Entry, now, before tree.Info) bool {
	n, err := f.parent(e)
	return err == nil && n.vol.unchanged(now, before)
}

// unchanged reports whether now is what before was. File servers and FUSE may show
// the change of a name, as a ctime, later than it was made. An item of several names
// has one set of times, and this delivery moves them when it replaces one name or
// gives one new metadata: of the others only size and identity tell.
func (v *volume) unchanged(now, before tree.Info) bool {
	several := before.Nlink > 1 && before.Kind != tree.Folder
	if v.doubtful || several {
		before.CTime = now.CTime
	}
	if several {
		before.MTime = now.MTime
	}
	return now.SameVersion(before)
}

func (p *Partial) rename(name string, replace bool) error {
	if err := p.unlock(); err != nil {
		return err
	}
	return p.dir.Rename(p.name, p.parent.dir, name, replace)
}

// unlock closes the file where the system would not rename it open.
func (p *Partial) unlock() error {
	if !unlockToRename || p.file == nil {
		return nil
	}
	file := p.file
	p.file = nil
	return file.Close()
}
