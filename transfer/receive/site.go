package receive

import (
	"errors"
	"io/fs"

	"ferry/framing"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// site is the place where a delivery lands, as this delivery uses it. It is made when the
// offer is accepted, and does not change after that. For an Output it has no Landing.
type site struct {
	storage.Landing
	dest    storage.Destination // nil: an Output
	place   string              // as the user named it
	granted tree.Metadata       // what of the metadata offered is taken
	dry     bool                // nothing is written: it is told what would be
	modes   tree.Modes          // of the modes sent, before all else
}

// narrow makes of an entry what this delivery applies of it. What the umask leaves, the
// destination knows.
func (s *site) narrow(e *tree.Entry) {
	e.Mode = s.modes.Apply(e.Mode, e.Kind)
	wire.Narrow(e, s.granted)
}

// lookUp tells what stands under t's name; nil is nothing.
func (s *site) lookUp(t *tree.Entry) (*tree.Info, error) {
	info, err := s.Finder.Stat(t)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := info // most often there is nothing, and nothing to allocate
	return &found, nil
}

// openCompared opens the file that an attempt compares.
func (s *site) openCompared(a *attempt) (storage.File, error) {
	if f := a.compared.former; f != nil {
		return f.Open()
	}
	probe := *a.item
	probe.Name = a.compared.name
	return s.Finder.Open(&probe)
}

// openOld opens the file from which an attempt takes chunks.
func (s *site) openOld(a *attempt) (storage.File, error) {
	if a.basis.former == nil {
		return s.Finder.Open(a.item)
	}
	f, err := a.basis.former.Open()
	if err != nil {
		return nil, fs.ErrNotExist // nothing depends on it
	}
	return f, nil
}

// keepsTime tells whether found has t's mtime, or what the destination keeps of it.
func (s *site) keepsTime(t *tree.Entry, found tree.Info) bool {
	return found.MTime == t.MTime || s.Finder.KeepsTime(t, found)
}

// touches tells whether a file that is the same as t gets t's metadata: with hard links
// also if it has other names, since it is seen to that nothing else changes it.
func (s *site) touches(t *tree.Entry, found *tree.Info) bool {
	g := s.granted
	return g.Owner || g.Xattrs || found.Mode&0o777 != g.Permissions(t.Mode, found.Mode) || g.HardLinks && found.Nlink > 1
}

// replaceable is what the plan takes found for. Where special files are
// delivered, one that is in the way is an item like others; where items of another
// kind make way, it and a folder are.
func (s *site) replaceable(found *tree.Info) *tree.Info {
	switch {
	case found == nil:
		return nil
	case found.Kind == tree.KindOther && (s.granted.Devices || s.Way != nil), found.Kind == tree.Folder && s.Way != nil:
	default:
		return found
	}
	like := *found
	like.Kind, like.Size = tree.File, -1
	return &like
}

// clear checks that a folder which is found may make way for t.
func (s *site) clear(t *tree.Entry, found *tree.Info) error {
	if found == nil || found.Kind != tree.Folder || s.Way == nil {
		return nil
	}
	return s.Way.Clear(t)
}

// refused is why t could not be made: the cause is the folder that it is in, if that
// takes nothing, or its name. In a dry run err says that already.
func (s *site) refused(t *tree.Entry, err error) error {
	if code := codeOf(err); s.dry || code != framing.CodePermission && code != framing.CodeUnsupported {
		return err
	}
	if why := s.Finder.MayPut(t); why != nil {
		return why
	}
	return err
}
