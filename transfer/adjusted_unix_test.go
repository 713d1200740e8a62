//go:build linux || darwin

package transfer_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// endings is how each item ended, by its place.
func endings(r *recorder) map[string]transfer.Status {
	all := make(map[string]transfer.Status)
	for _, d := range find[transfer.ItemDone](r) {
		all[d.At] = d.Status
	}
	return all
}

// Items whose content is right and whose metadata is not are told apart from those
// with nothing to do, by a dry run as by the delivery, and only once.
func TestAdjustedIsToldFromSame(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	old := time.Unix(1e9, 7)
	lay := func(root string) {
		for _, name := range []string{"mode", "time", "both", "same", "attr", "lost", "d/in", "e/in", "owner"} {
			write(t, filepath.Join(root, name), 100, 1)
			must(t, os.Chtimes(filepath.Join(root, name), old, old))
		}
		write(t, filepath.Join(root, "large"), 3*mib, 1)
		must(t, os.Symlink("x", filepath.Join(root, "link")))
		must(t, syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600))
		must(t, os.Link(filepath.Join(root, "mode"), filepath.Join(root, "more")))
	}
	lay(src)
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	options := []setup{wishing(all, all), withPolicy(transfer.ConflictOverwrite), func(_ *send.Options, r *receive.Options, _ *sides) { r.Links = transfer.LinksAll }}
	deliver(t, t.Context(), dst, contents(src), options...).ok(t)

	want := map[string]transfer.Status{}
	for name := range endings(deliver(t, t.Context(), dst, contents(src), options...).ok(t).sendSaw) {
		want[name] = transfer.StatusSame
	}
	touch := func(name string, change error) {
		must(t, change)
		want[name] = transfer.StatusAdjusted
	}
	touch("mode", os.Chmod(filepath.Join(dst, "mode"), 0o600)) // and "more" is a name of the same
	touch("time", os.Chtimes(filepath.Join(dst, "time"), old, old.Add(time.Second)))
	touch("both", os.Chmod(filepath.Join(src, "both"), 0o751))
	touch("both", os.Chtimes(filepath.Join(src, "both"), old, old.Add(time.Second)))
	touch("large", os.Chtimes(filepath.Join(dst, "large"), old, old))
	touch("fifo", os.Chmod(filepath.Join(dst, "fifo"), 0o666))
	touch("d", os.Chmod(filepath.Join(dst, "d"), 0o700))
	touch("e", os.Chtimes(filepath.Join(dst, "e"), old, old))
	if attrs := exec.Command("setfattr", "-n", "user.a", "-v", "1", filepath.Join(src, "attr")); attrs.Run() == nil {
		touch("attr", nil)
		touch("lost", exec.Command("setfattr", "-n", "user.b", "-v", "1", filepath.Join(dst, "lost")).Run())
	}
	if os.Geteuid() == 0 {
		touch("owner", os.Chown(filepath.Join(src, "owner"), 4711, 4712))
		touch("link", os.Lchown(filepath.Join(dst, "link"), 4711, 4712))
	}
	want["."] = transfer.StatusSame
	must(t, os.Chtimes(dst, old, old))
	want["."] = transfer.StatusAdjusted
	adjusted := int64(0)
	for s := range maps.Values(want) {
		if s == transfer.StatusAdjusted {
			adjusted++
		}
	}

	for run, s := range []*sides{
		deliver(t, t.Context(), "", contents(src), append(slices.Clone(options), rehearsed(t, dst))...).ok(t),
		deliver(t, t.Context(), dst, contents(src), options...).ok(t),
	} {
		for side, saw := range []*recorder{s.sendSaw, s.receiveSaw} {
			if got := endings(saw); !maps.Equal(got, want) {
				t.Errorf("run %d, side %d:\n got %v\nwant %v", run, side, got, want)
			}
		}
		for _, r := range []transfer.Result{s.sent, s.received} {
			if r.Adjusted != adjusted || r.Same != int64(len(want)) || r.Delivered != 0 || r.Moved != 0 {
				t.Errorf("run %d: %+v", run, r)
			}
		}
	}
	s := deliver(t, t.Context(), dst, contents(src), options...).ok(t)
	if s.sent.Adjusted != 0 || s.sent.Same != int64(len(want)) {
		t.Errorf("again: %+v; %v", s.sent, fmt.Sprint(endings(s.sendSaw)))
	}
	// Compared by digest, they are verified besides.
	must(t, os.Chmod(filepath.Join(dst, "same"), 0o600))
	s = deliver(t, t.Context(), dst, contents(src), append(slices.Clone(options), func(so *send.Options, _ *receive.Options, _ *sides) { so.Checksum = true })...).ok(t)
	for _, d := range find[transfer.ItemDone](s.sendSaw) {
		if d.Kind == tree.File && (!d.Hashed || (d.At == "same") != (d.Status == transfer.StatusAdjusted)) {
			t.Errorf("by digest: %+v", d)
		}
	}
}
