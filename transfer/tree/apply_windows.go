package tree

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Apply is the metadata that an item at the receiver is to get. Of it, Windows
// has the mtime, and whether the owner of a file may write to it.
type Apply struct {
	Mode     uint32 // & 0777; & 07777 with Owner granted
	MTime    Time
	Extra    *Extra // nil: the sender told nothing
	Granted  Metadata
	Accounts *Accounts
	Fresh    bool
	NoACL    bool
	Inherit  DefaultACL
	Doubt    bool
}

// lost returns what of a cannot be applied here.
func (a *Apply) lost() (lost losses) {
	if a.Granted.Owner && a.Extra != nil && a.Extra.Owner != nil {
		lost.add(AttrOwner, errors.ErrUnsupported)
	}
	if a.Granted.Owner && a.Mode&0o7000 != 0 {
		lost.add(AttrSpecial, errors.ErrUnsupported)
	}
	if a.Granted.Xattrs && a.Extra != nil {
		for _, x := range a.Extra.Xattrs {
			lost.add(attrOf(x.Name), errors.ErrUnsupported)
		}
	}
	return lost
}

// DefaultACL: ACLs are of another kind here, and are inherited as Windows does.
func (d *Dir) DefaultACL() DefaultACL { return nil }

// ApplyFile gives an open file its metadata by its handle. What Windows does not
// have is returned: one Loss of a kind at most, and no error.
func ApplyFile(f *os.File, a *Apply) ([]Loss, error) {
	// The time first: a read-only file may not take one.
	lost := a.lost()
	ft := syscall.NsecToFiletime(a.MTime.Std().UnixNano())
	if err := syscall.SetFileTime(syscall.Handle(f.Fd()), nil, nil, &ft); err != nil {
		lost.add(AttrTime, err)
	}
	if err := f.Chmod(fs.FileMode(a.Mode & 0o777)); err != nil {
		lost.add(AttrMode, err)
	}
	return lost, nil
}

// Apply is ApplyFile for the folder itself.
func (d *Dir) Apply(a *Apply) ([]Loss, error) {
	lost := a.lost()
	if err := d.at("utimes", "", func(r *os.Root) error { return r.Chtimes(".", time.Time{}, a.MTime.Std()) }); err != nil {
		lost.add(AttrTime, err)
	}
	return lost, nil
}

// Unapplied is what a link does not get that is left alone for that cause.
func (a *Apply) Unapplied(_ Info, cause error) []Loss { return []Loss{{AttrTime, cause}} }

// ApplyTo is ApplyFile for the link name in d. Its mtime is lost and no error.
func (d *Dir) ApplyTo(name string, _ Info, a *Apply) ([]Loss, error) {
	lost := a.lost()
	if err := d.SetLinkTime(name, a.MTime, false); err != nil {
		lost.add(AttrTime, err)
	}
	return lost, nil
}

// readExtra returns nothing: there are no owners or attributes of this kind.
func (d *Dir) readExtra(string, Info, bool, Metadata, *Accounts) (*Extra, []Loss) { return nil, nil }
