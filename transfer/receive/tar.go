package receive

import (
	"archive/tar"
	"cmp"
	"errors"
	"math"
	"strings"

	"ferry/transfer/tree"
)

// tarLink is what a hard link in an archive needs of the entry that it is to.
type tarLink struct {
	path  string
	mode  uint32
	mtime tree.Time
}

// tarXattr begins the PAX records of extended attributes, as star defined them
// and GNU tar and libarchive read them.
const tarXattr = "SCHILY.xattr."

// errTarName: a name that a PAX record cannot have.
var errTarName = errors.New("an archive cannot hold the name")

// tarHeader is an entry as it goes into an archive, with the metadata that was
// granted, and what of it an archive cannot hold. A hard link is to a name that stands in
// the archive before it.
func tarHeader(e *entry, granted tree.Metadata) (h *tar.Header, lost []tree.Loss) {
	t := e.item
	h = &tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: e.path(), Mode: int64(t.Mode), ModTime: t.MTime.Std()}
	switch t.Kind {
	case tree.File:
		h.Size = t.Size
	case tree.Folder:
		h.Typeflag, h.Name = tar.TypeDir, e.path()+"/"
	case tree.Symlink:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, t.Target, 0o777
	case tree.HardLink:
		to := e.link.to.place
		h.Typeflag, h.Linkname, h.Mode, h.ModTime = tar.TypeLink, to.path, int64(to.mode), to.mtime.Std()
	case tree.FIFO:
		h.Typeflag = tar.TypeFifo
	case tree.CharDevice:
		h.Typeflag = tar.TypeChar
	case tree.BlockDevice:
		h.Typeflag = tar.TypeBlock
	}
	h.Devmajor, h.Devminor = int64(t.Major), int64(t.Minor)
	return h, tarExtra(h, t.Extra, granted)
}

// tarExtra adds x to h, and returns what an archive cannot hold.
func tarExtra(h *tar.Header, x *tree.Extra, m tree.Metadata) (lost []tree.Loss) {
	if x == nil {
		return nil
	}
	if o := x.Owner; o != nil {
		if max(o.UID, o.GID) > math.MaxInt32 && math.MaxInt == math.MaxInt32 {
			lost = append(lost, tree.Loss{What: tree.AttrOwner, Err: errors.ErrUnsupported})
		} else {
			h.Uid, h.Gid = int(o.UID), int(o.GID)
		}
		if !m.Numeric && !strings.Contains(o.User+o.Group, "\x00") {
			h.Uname, h.Gname = o.User, o.Group
		}
	}
	var refused error
	for _, a := range x.Xattrs {
		var err error
		switch {
		case strings.Contains(a.Name, "\x00"):
			err = errTarName
		case m.Declines(a.Name):
			err = tree.ErrDeclined
		}
		if err != nil {
			refused = cmp.Or(refused, err)
			continue
		}
		if h.PAXRecords == nil {
			h.PAXRecords = make(map[string]string)
		}
		// "=" ends the name of a record; GNU tar writes and reads it so.
		name := strings.ReplaceAll(strings.ReplaceAll(a.Name, "%", "%25"), "=", "%3D")
		h.PAXRecords[tarXattr+name] = string(a.Value)
	}
	if refused != nil {
		lost = append(lost, tree.Loss{What: tree.AttrXattrs, Err: refused})
	}
	return lost
}
