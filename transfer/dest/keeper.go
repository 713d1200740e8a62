package dest

import (
	"errors"
	"io/fs"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// keeper sees to files that were found the same. It has no state of its own.
type keeper struct {
	nodes   *nodes
	dress   *dresser
	targets *targets
	files   *files // for a file that gets an inode of its own
	noSync  bool
}

// Keep is storage.Maker's.
func (k *keeper) Keep(e *tree.Entry) (out storage.Outcome, err error) {
	out.Same = true
	n, err := k.nodes.parent(e)
	if err != nil {
		return out, fail("keeping", e.Name, err)
	}
	if err := k.targets.find(e, n, k.dress.granted); err != nil {
		return out, err
	}
	if k.noSync || e.Kind != tree.File && e.Kind != tree.Stream {
		return out, nil
	}
	s := n.vol.sync
	if s.whole() && s.keptMany() {
		return out, nil
	}
	err = n.dir.SyncFile(e.Name)
	if at := new(fs.PathError); errors.As(err, &at) && at.Op == "sync" {
		err = s.cover(err)
	}
	if canSyncVolume && errors.Is(err, fs.ErrPermission) {
		// Not to be opened: only a sync of all covers it.
		s.allLater()
		return out, nil
	}
	return out, k.nodes.fail("keeping", e, err)
}

// Touch is storage.Maker's. The metadata is applied by the file's handle.
func (k *keeper) Touch(e *tree.Entry) (out storage.Outcome, err error) {
	n, err := k.nodes.parent(e)
	if err != nil {
		return out, fail("touching", e.Name, err)
	}
	apply := func(seen tree.Info, a *tree.Apply) ([]tree.Loss, error) {
		if seen.Kind != tree.File {
			return nil, tree.ErrNotRegular
		}
		file, err := n.dir.OpenToApply(e.Name)
		if errors.Is(err, fs.ErrPermission) {
			// Not to be opened, even by its owner: there is another way to all but
			// the bytes.
			return a.ToName(n.dir, e.Name, seen)
		}
		if err != nil {
			return nil, err
		}
		lost, err := a.ToFile(file)
		return lost, errors.Join(err, file.Close())
	}
	out, err = k.dress.adjust(n, e, apply, func(before tree.Info) ([]tree.Loss, error) { return k.renew(n, e, before) })
	if err != nil {
		return out, k.nodes.fail("touching", e, err)
	}
	_, err = k.Keep(e)
	return out, err
}

// renew puts a file of its own, with e's metadata, in the place of one that has other
// names too, and that is e but for the metadata, as before says. The other names keep
// what they have. The copy is compared with what it is copied from.
func (k *keeper) renew(n *node, e *tree.Entry, before tree.Info) ([]tree.Loss, error) {
	from, info, err := n.dir.OpenFile(e.Name)
	if err != nil {
		return nil, err
	}
	old := tree.NewContent(from, info)
	var p *partial
	if !info.SameFile(before) || info.Size != e.Size {
		err = storage.ErrChanged
	} else {
		p, err = k.files.begin(e, false)
	}
	if err != nil {
		return nil, errors.Join(err, old.Close())
	}
	pub := &storage.Publication{Partial: p, Entry: e, Replace: true, Expect: &before}
	err = p.fillFrom(e, old)
	// Windows may not replace what is open.
	if err = errors.Join(err, old.Close()); err == nil {
		err = errors.Join(k.files.Publish([]*storage.Publication{pub}), pub.Err)
	}
	if err != nil {
		return nil, errors.Join(err, p.Discard(true))
	}
	return pub.Lost, nil
}
