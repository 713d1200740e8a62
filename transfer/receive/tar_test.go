package receive

import (
	"archive/tar"
	"bytes"
	"maps"
	"testing"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// Whatever attributes and owners a peer sends, the archive is one, and what it
// cannot hold is told.
func TestTarExtra(t *testing.T) {
	x := &tree.Extra{
		Owner: &tree.Owner{UID: 1<<31 - 1, GID: 7, User: "ann", Group: "staff"},
		Xattrs: []tree.Xattr{
			{Name: "system.posix_acl_access", Value: []byte{2, 0, 0, 0, '\n'}}, {Name: "user.%=", Value: []byte("v=")},
			{Name: "user.a\x00b", Value: []byte("v")}, {Name: "user.empty"},
		},
	}
	h := &tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: "f"}
	lost := tarExtra(h, x, tree.Metadata{System: true})
	if len(lost) != 1 || lost[0].What != tree.AttrXattrs {
		t.Errorf("lost: %v", lost)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := tar.NewReader(&out).Next()
	if err != nil {
		t.Fatal(err)
	}
	if got.Uid != 1<<31-1 || got.Gid != 7 || got.Uname != "ann" || got.Gname != "staff" {
		t.Errorf("owner %d %d %q %q", got.Uid, got.Gid, got.Uname, got.Gname)
	}
	want := map[string]string{"SCHILY.xattr.system.posix_acl_access": "\x02\x00\x00\x00\n", "SCHILY.xattr.user.%25%3D": "v=", "SCHILY.xattr.user.empty": ""}
	maps.DeleteFunc(got.PAXRecords, func(name, _ string) bool { return name == "uid" })
	if !maps.Equal(got.PAXRecords, want) {
		t.Errorf("records %q, want %q", got.PAXRecords, want)
	}
	h = new(tar.Header)
	if tarExtra(h, x, tree.Metadata{System: true, Numeric: true}); h.Uname != "" {
		t.Errorf("by number the user is %q", h.Uname)
	}
	x.Owner.User = "a\x00b"
	if tarExtra(h, x, tree.Metadata{System: true}); h.Uname != "" {
		t.Errorf("the user is %q", h.Uname)
	}
}

// An archive takes no more of the system's attributes than a folder would.
func TestTarDeclinesAttributes(t *testing.T) {
	x := &tree.Extra{Xattrs: []tree.Xattr{{Name: "security.capability", Value: []byte("v")}, {Name: "user.a", Value: []byte("v")}}}
	h := new(tar.Header)
	lost := tarExtra(h, x, tree.Metadata{Xattrs: true})
	if len(lost) != 1 || failure.LossCode(lost[0].Err) != framing.CodeDeclined {
		t.Errorf("lost: %v", lost)
	}
	if len(h.PAXRecords) != 1 || h.PAXRecords["SCHILY.xattr.user.a"] != "v" {
		t.Errorf("records %q", h.PAXRecords)
	}
}
