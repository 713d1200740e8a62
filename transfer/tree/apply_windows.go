package tree

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

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

// DefaultACLOf returns nil: ACLs are of another kind here, and are inherited as Windows
// does.
func DefaultACLOf(*Dir) DefaultACL { return nil }

// ToFile gives an open file its metadata by its handle. What Windows does not have is
// returned: one Loss of a kind at most, and no error.
func (a *Apply) ToFile(f *os.File) ([]Loss, error) {
	// The time first: a read-only file may not take one.
	lost := a.lost()
	if err := setTime(f, a.MTime); err != nil {
		lost.add(AttrTime, err)
	}
	if err := f.Chmod(fs.FileMode(a.Mode & 0o777)); err != nil {
		lost.add(AttrMode, Known(err))
	}
	return lost, nil
}

// ToFolder is ToFile for a folder.
func (a *Apply) ToFolder(d *Dir) ([]Loss, error) {
	lost := a.lost()
	err := d.at("utimes", "", func(h handle) error {
		f, err := openSelf(h.self, windows.FILE_WRITE_ATTRIBUTES)
		if err != nil {
			return err
		}
		return errors.Join(setTime(f, a.MTime), f.Close())
	})
	if err != nil {
		lost.add(AttrTime, err)
	}
	return lost, nil
}

// ToName is ToFile for the link name in d.
func (a *Apply) ToName(d *Dir, name string, _ Info) ([]Loss, error) {
	lost := a.lost()
	if err := d.SetLinkTime(name, a.MTime, false); err != nil {
		lost.add(AttrTime, err)
	}
	return lost, nil
}

// Unapplied is the loss of a link that is left alone for that cause.
func (a *Apply) Unapplied(_ Info, cause error) []Loss { return []Loss{{AttrTime, cause}} }

// readExtra returns nothing: there are no owners or attributes of this kind.
func readExtra(*Dir, string, Info, bool, Metadata, *Accounts) (*Extra, []Loss) { return nil, nil }
