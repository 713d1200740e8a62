//go:build unix

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
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// endings is how each item ended, by its place.
func endings(r *deliverytest.Recorder) map[string]transfer.Status {
	all := make(map[string]transfer.Status)
	for _, d := range deliverytest.Find[transfer.ItemDone](r) {
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
			deliverytest.Write(t, filepath.Join(root, name), 100, 1)
			deliverytest.Must(t, os.Chtimes(filepath.Join(root, name), old, old))
		}
		deliverytest.Write(t, filepath.Join(root, "large"), 3*deliverytest.MiB, 1)
		deliverytest.Must(t, os.Symlink("x", filepath.Join(root, "link")))
		deliverytest.Must(t, syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600))
		deliverytest.Must(t, os.Link(filepath.Join(root, "mode"), filepath.Join(root, "more")))
	}
	lay(src)
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	options := []deliverytest.Setup{deliverytest.Wishing(all, all), deliverytest.WithPolicy(transfer.ConflictOverwrite), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = transfer.LinksAll }}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options...).OK(t)

	want := map[string]transfer.Status{}
	for name := range endings(deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options...).OK(t).SendSaw) {
		want[name] = transfer.StatusSame
	}
	touch := func(name string, change error) {
		deliverytest.Must(t, change)
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
	deliverytest.Must(t, os.Chtimes(dst, old, old))
	want["."] = transfer.StatusAdjusted
	adjusted := int64(0)
	for s := range maps.Values(want) {
		if s == transfer.StatusAdjusted {
			adjusted++
		}
	}

	for run, s := range []*deliverytest.Sides{
		deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), append(slices.Clone(options), deliverytest.Rehearsed(t, dst))...).OK(t),
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options...).OK(t),
	} {
		for side, saw := range []*deliverytest.Recorder{s.SendSaw, s.ReceiveSaw} {
			if got := endings(saw); !maps.Equal(got, want) {
				t.Errorf("run %d, side %d:\n got %v\nwant %v", run, side, got, want)
			}
		}
		for _, r := range []transfer.Result{s.Sent, s.Received} {
			if r.Adjusted != adjusted || r.Same != int64(len(want)) || r.Delivered != 0 || r.Moved != 0 {
				t.Errorf("run %d: %+v", run, r)
			}
		}
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options...).OK(t)
	if s.Sent.Adjusted != 0 || s.Sent.Same != int64(len(want)) {
		t.Errorf("again: %+v; %v", s.Sent, fmt.Sprint(endings(s.SendSaw)))
	}
	// Compared by digest, they are verified besides.
	deliverytest.Must(t, os.Chmod(filepath.Join(dst, "same"), 0o600))
	s = deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), append(slices.Clone(options), func(so *send.Options, _ *receive.Options, _ *deliverytest.Sides) { so.Checksum = true })...).OK(t)
	for _, d := range deliverytest.Find[transfer.ItemDone](s.SendSaw) {
		if d.Kind == tree.File && (!d.Hashed || (d.At == "same") != (d.Status == transfer.StatusAdjusted)) {
			t.Errorf("by digest: %+v", d)
		}
	}
}
