package transfer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/tree"
)

// xattrsOf are the names of a file's attributes.
func xattrsOf(t *testing.T, path string) []string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := syscall.Listxattr(path, b)
	deliverytest.Must(t, err)
	names := strings.FieldsFunc(string(b[:n]), func(r rune) bool { return r == 0 })
	names = slices.DeleteFunc(names, func(n string) bool { return n == "security.selinux" })
	slices.Sort(names)
	return names
}

// A sender's attributes that rule over the system need a word of their own.
// Without it they are left out, counted and told at both sides, those of users
// arrive, and those that stand there already stay.
func TestSystemAttributesNeedTheirOwnWord(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("attributes of the system take root")
	}
	src, dst := t.TempDir(), t.TempDir()
	for i, name := range []string{"small", "large"} {
		deliverytest.Write(t, filepath.Join(src, name), []int{100, 3 << 20}[i], 1)
		for _, attr := range []string{"user.a", "trusted.a"} {
			if err := syscall.Setxattr(filepath.Join(src, name), attr, []byte("v"), 0); err != nil {
				t.Skipf("no attribute %s here: %v", attr, err)
			}
		}
	}
	xattrs := tree.Metadata{Xattrs: true}
	want := func(what, status string, losses int64, names ...string) {
		t.Helper()
		permitted := xattrs
		permitted.System = strings.Contains(what, "permitted")
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(xattrs, permitted)).OK(t)
		for _, r := range []transfer.Result{s.Sent, s.Received} {
			switch {
			case losses == 0 && len(r.Lost) == 0:
			case len(r.Lost) == 1 && r.Lost[0].What == tree.AttrXattrs && r.Lost[0].Items == losses && r.Lost[0].Code == framing.CodeDeclined:
			default:
				t.Errorf("%s: lost %+v", what, r.Lost)
			}
			if r.Delivered+r.Same < 2 || status == "same" && (r.Adjusted > 0 || r.Delivered > 0) {
				t.Errorf("%s: %d delivered, %d the same, %d adjusted", what, r.Delivered, r.Same, r.Adjusted)
			}
		}
		for _, name := range []string{"small", "large"} {
			if got := xattrsOf(t, filepath.Join(dst, name)); !slices.Equal(got, names) {
				t.Errorf("%s: %s has %v, want %v", what, name, got, names)
			}
		}
	}
	want("first", "delivered", 2, "user.a")
	want("again", "same", 2, "user.a")
	for _, name := range []string{"small", "large"} { // the receiver's own arrangement
		deliverytest.Must(t, syscall.Setxattr(filepath.Join(dst, name), "trusted.own", []byte("v"), 0))
	}
	want("with an arrangement", "same", 2, "trusted.own", "user.a")
	want("permitted", "adjusted", 0, "trusted.a", "user.a")
	want("permitted, again", "same", 0, "trusted.a", "user.a")
}
