package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// escaping is a folder that escapes what Windows refuses, on every system.
type escaping struct{ storage.Destination }

func (e escaping) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := e.Destination.Start(granted)
	if err == nil {
		l.Names = e
	}
	return l, err
}

func (escaping) Fit(e *tree.Entry) (string, error) { return tree.EscapeName(e.Name, tree.MaxName), nil }

// deliverEscaped delivers into such a folder. Both sides tell each other what they see.
func deliverEscaped(t *testing.T, dst string, sources []send.Source, prepare ...deliverytest.Setup) *deliverytest.Sides {
	t.Helper()
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer func() { deliverytest.Must(t, d.Close()) }()
	into := func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Destination, r.Links = escaping{d}, transfer.LinksAll
	}
	return deliverytest.DeliverOver(t, t.Context(), link.Config{Capabilities: framing.CapNames}, "", sources, append([]deliverytest.Setup{into}, prepare...)...)
}

// unholdable makes a tree with names that Windows does not hold, and some that it does.
func unholdable(t *testing.T) (src string, want map[string]string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no file here has such a name")
	}
	src = t.TempDir()
	want = map[string]string{
		"a:b": "a%3Ab", "aux.d/x?.txt": "au%78.d/x%3F.txt", "aux.d/plain": "au%78.d/plain", "aux.d/in./deep": "au%78.d/in%2E/deep", "ends ": "ends%20", "100%": "100%", "b\\c\x01": "b%5Cc%01",
		"big*": "big%2A", "it%3A": "it%3A",
	}
	if runtime.GOOS == "linux" {
		want["\xff"] = "%FF"
	}
	for name := range want {
		at := filepath.Join(src, name)
		deliverytest.Must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		size := 100
		if name == "big*" {
			size = 3*deliverytest.MiB + 5
		}
		deliverytest.Write(t, at, size, uint64(len(name)))
	}
	deliverytest.Must(t, os.Symlink("a:b", filepath.Join(src, "li|nk")))
	return src, want
}

// checkEscaped holds dst against what unholdable made, and what both sides were told.
func checkEscaped(t *testing.T, s *deliverytest.Sides, src, dst string, want map[string]string) {
	t.Helper()
	escaped := []string{"au%78.d", "au%78.d/in%2E", "li%7Cnk"}
	for name, at := range want {
		deliverytest.SameFile(t, filepath.Join(src, name), filepath.Join(dst, at))
		if filepath.Base(name) != filepath.Base(at) {
			escaped = append(escaped, at)
		}
	}
	slices.Sort(escaped)
	if to, err := os.Readlink(filepath.Join(dst, "li%7Cnk")); to != "a:b" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	for side, saw := range map[string]*deliverytest.Recorder{"sender": s.SendSaw, "receiver": s.ReceiveSaw} {
		var told []string
		for _, e := range deliverytest.Find[transfer.ItemEscaped](saw) {
			told = append(told, e.At)
			if own, ok := tree.UnescapeName(filepath.Base(e.At)); !ok || own != filepath.Base(e.Path) || filepath.Dir(e.At) != filepath.Dir(e.Path) {
				t.Errorf("the %s is told that %q is stored as %q", side, e.Path, e.At)
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, escaped) {
			t.Errorf("the %s is told of %q, want %q", side, told, escaped)
		}
		var places []string
		for _, e := range deliverytest.Find[transfer.ItemDone](saw) {
			if e.Kind == tree.File {
				places = append(places, e.At)
			}
		}
		slices.Sort(places)
		var files []string
		for _, at := range want {
			files = append(files, at)
		}
		slices.Sort(files)
		if !slices.Equal(places, files) {
			t.Errorf("to the %s the files are %q, want %q", side, places, files)
		}
	}
	if n := int64(len(escaped)); s.Sent.Escaped != n || s.Received.Escaped != n {
		t.Errorf("escaped are %d for the sender and %d for the receiver, want %d", s.Sent.Escaped, s.Received.Escaped, n)
	}
}

// Items whose names the destination does not hold have the same other name in each run, and
// the second run moves nothing.
func TestEscapedNames(t *testing.T) {
	src, want := unholdable(t)
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictOverwrite, transfer.ConflictRename} {
		for _, digests := range []bool{false, true} {
			dst := t.TempDir()
			options := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
				s.Checksum, r.OnConflict = digests, policy
			}
			s := deliverEscaped(t, dst, deliverytest.Contents(src), options).OK(t)
			checkEscaped(t, s, src, dst, want)
			before := deliverytest.Snapshot(t, dst)
			s = deliverEscaped(t, dst, deliverytest.Contents(src), options).OK(t)
			checkEscaped(t, s, src, dst, want)
			if s.Sent.Delivered != 0 || s.Sent.Moved != 0 || deliverytest.Snapshot(t, dst) != before {
				t.Errorf("policy %d: the second run delivered %d items and moved %d bytes", policy, s.Sent.Delivered, s.Sent.Moved)
			}
		}
	}
}

// A file that has changed replaces the one under its escaped name.
func TestEscapedNamesAreUpdated(t *testing.T) {
	src, want := unholdable(t)
	dst := t.TempDir()
	deliverEscaped(t, dst, deliverytest.Contents(src)).OK(t)
	for _, name := range []string{"a:b", "aux.d/x?.txt"} {
		deliverytest.Write(t, filepath.Join(src, name), 200, 77)
	}
	deliverytest.Write(t, filepath.Join(src, "big*"), 3*deliverytest.MiB+6, 78)
	s := deliverEscaped(t, dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictOverwrite)).OK(t)
	checkEscaped(t, s, src, dst, want)
	if s.Sent.Replaced != 3 || s.Received.Replaced != 3 {
		t.Errorf("%d and %d were replaced", s.Sent.Replaced, s.Received.Replaced)
	}
}

// An interrupted file goes on under its escaped name.
func TestEscapedNamesAreResumed(t *testing.T) {
	src, want := unholdable(t)
	dst := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "big*"), 20*deliverytest.MiB, 4) // of which some is written by the time of the cut
	s := deliverEscaped(t, dst, deliverytest.Contents(src), deliverytest.CutAfter(15*deliverytest.MiB))
	if s.SendErr == nil || s.ReceiveErr == nil {
		t.Fatal("nothing was cut")
	}
	s = deliverEscaped(t, dst, deliverytest.Contents(src)).OK(t)
	checkEscaped(t, s, src, dst, want)
	if s.Received.Reused == 0 {
		t.Error("nothing of the interrupted delivery was used")
	}
}

// failedPaths are the items below src that failed.
func failedPaths(r *deliverytest.Recorder, src string) (paths []string) {
	for _, f := range deliverytest.Find[transfer.ItemFailed](r) {
		rel, err := filepath.Rel(src, f.Path)
		if err != nil {
			rel = f.Path
		}
		paths = append(paths, rel)
	}
	slices.Sort(paths)
	return paths
}

// A name of the delivery that is another's escaped one is a conflict, in each run and in any
// order, unless it is renamed.
func TestEscapedNameOfAnotherItem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file here has such a name")
	}
	// The own name comes first in a walk, or second, or is a folder's.
	src := t.TempDir()
	for _, name := range []string{"a:b", "a%3Ab", "c\x01", "c%01", "d%3A/own", "d:/other", "e:", "e%3A/own"} {
		at := filepath.Join(src, name)
		deliverytest.Must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		deliverytest.Must(t, os.WriteFile(at, []byte(name), 0o644))
	}
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictOverwrite, transfer.ConflictSkip, transfer.ConflictRename} {
		dst := t.TempDir()
		for run := range 3 {
			s := deliverEscaped(t, dst, deliverytest.Contents(src), deliverytest.WithPolicy(policy))
			if policy == transfer.ConflictRename {
				s.OK(t)
				for name, content := range map[string]string{"a%3Ab": "a%3Ab", "a%3Ab (1)": "a:b", "c%01": "c\x01", "c%01 (1)": "c%01", "d%3A/own": "d%3A/own", "d%3A (1)/other": "d:/other", "e%3A/own": "e%3A/own", "e%3A (1)": "e:"} {
					if got, err := os.ReadFile(filepath.Join(dst, name)); string(got) != content {
						t.Errorf("run %d: %s has %q, %v", run, name, got, err)
					}
				}
				continue
			}
			if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
				t.Fatalf("policy %d, run %d: %v and %v", policy, run, s.SendErr, s.ReceiveErr)
			}
			if got, want := failedPaths(s.SendSaw, src), []string{"a:b", "c%01", "d:", "d:/other", "e:"}; !slices.Equal(got, want) {
				t.Errorf("policy %d, run %d: %q failed, want %q", policy, run, got, want)
			}
			for name, content := range map[string]string{"a%3Ab": "a%3Ab", "c%01": "c\x01", "d%3A/own": "d%3A/own", "e%3A/own": "e%3A/own"} {
				if got, err := os.ReadFile(filepath.Join(dst, name)); string(got) != content {
					t.Errorf("policy %d, run %d: %s has %q, %v", policy, run, name, got, err)
				}
			}
		}
	}
}

// Hard links go to escaped names, and from them.
func TestEscapedHardLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file here has such a name")
	}
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f:1"), 10, 1)
	for _, name := range []string{"f:2", "plain"} {
		deliverytest.Must(t, os.Link(filepath.Join(src, "f:1"), filepath.Join(src, name)))
	}
	links := tree.Metadata{HardLinks: true}
	for range 2 {
		deliverEscaped(t, dst, deliverytest.Contents(src), deliverytest.Wishing(links, links)).OK(t)
	}
	first, err := os.Stat(filepath.Join(dst, "f%3A1"))
	deliverytest.Must(t, err)
	for _, name := range []string{"f%3A2", "plain"} {
		if other, err := os.Stat(filepath.Join(dst, name)); err != nil || !os.SameFile(first, other) {
			t.Errorf("%s is another file, %v", name, err)
		}
	}
}
