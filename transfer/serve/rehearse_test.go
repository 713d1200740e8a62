package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/tree/treetest"
)

// dryPut says what a delivery of paths to place would do.
func (r *rig) dryPut(own link.Signer, place string, paths ...string) (transfer.Result, error) {
	r.t.Helper()
	l, err := r.dial(link.Sender, own)
	if err != nil {
		return transfer.Result{}, err
	}
	o := sending(r.t, place, paths...)
	o.DryRun = true
	return sendOver(r.t, l, o)
}

// A dry run says what the delivery then does, changes nothing, and counts as nothing
// delivered; who may not know what is there is told no more by it.
func TestDryRun(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	both := r.allow(keys.Grant{Upload: true, Download: true, Path: "in"})
	replaces := r.allow(keys.Grant{Upload: true, Download: true, Delete: true, Path: "in"})
	blind := r.allow(keys.Grant{Upload: true, Path: "in"})
	there := map[string]string{"in/d/same": "same", "in/d/other": "old"}
	write(t, r.root, there)
	src := write(t, t.TempDir(), map[string]string{"d/same": "same", "d/other": "newer", "d/sub/new": "new"})
	mode := func() os.FileMode {
		info, err := os.Stat(filepath.Join(r.root, "in", "d"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	before := mode()
	if before.Perm() == 0o700 {
		t.Fatal("the modes are the same")
	}
	if err := os.Chmod(filepath.Join(src, "d"), 0o700); err != nil {
		t.Fatal(err)
	}

	for _, key := range []link.Signer{both, replaces} {
		got, err := r.dryPut(key, "", filepath.Join(src, "d"))
		if err != nil {
			t.Fatal(err)
		}
		replaced := int64(0) // and so many get the time of what is sent
		if string(key.Key()) == string(replaces.Key()) {
			replaced = 1
		}
		if !got.DryRun || got.Delivered != 3 || got.Replaced != replaced || got.Same != 2 || got.Adjusted != replaced || got.Moved != 0 {
			t.Errorf("a dry run says %+v", got)
		}
		holds(t, r.root, there)
	}
	over := r.events.until(t, func(e Event) bool { d, ok := e.(Delivery); return ok && d.Result.DryRun }).(Delivery)
	if over.Exit != 0 || over.Path != "in" {
		t.Errorf("it is told as %+v", over)
	}
	if n := numbers(t, r.server)[`ferry_items_total{direction="upload"}`]; n != 0 {
		t.Errorf("%v items count as delivered", n)
	}

	got, err := r.dryPut(both, "far/below", filepath.Join(src, "d"))
	if err != nil || got.Delivered != 5 || got.Same != 0 {
		t.Errorf("to a folder that is not there: %+v, %v", got, err)
	}
	if _, err := os.Lstat(filepath.Join(r.root, "in", "far")); err == nil {
		t.Error("it was made")
	}
	if _, err := r.dryPut(both, "d/same", filepath.Join(src, "d")); err == nil {
		t.Error("a file passed for a folder")
	}

	_, err = r.dryPut(blind, "", filepath.Join(src, "d"))
	if code(err) != framing.CodeDeclined || !strings.Contains(err.Error(), "a dry run tells what is there") {
		t.Errorf("who may only upload: %v", err)
	}
	holds(t, r.root, there)

	real, err := r.put(both, "", filepath.Join(src, "d"))
	if err != nil || real.Delivered != 3 || real.Same != 2 {
		t.Errorf("and then: %+v, %v", real, err)
	}
}

// No link on the way is followed, in a dry run either.
func TestDryRunFollowsNoLink(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true, Download: true, Path: "in"})
	outside := write(t, t.TempDir(), map[string]string{"d/f": "f"})
	write(t, r.root, map[string]string{"in/x": "x"})
	if err := os.Symlink(outside, filepath.Join(r.root, "in", "out")); err != nil {
		t.Fatal(err)
	}
	got, err := r.dryPut(key, "out/d", filepath.Join(outside, "d", "f"))
	if err == nil {
		t.Errorf("it looked outside: %+v", got)
	}
}
