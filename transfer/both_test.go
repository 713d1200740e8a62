package transfer_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// odd is the mtime of all in the source of layOdd but links.
func odd() time.Time { return time.Unix(1234567890, 123456789) }

// layOdd makes a source with items of many kinds and a destination with other ones of
// those names.
func layOdd(t *testing.T) (src, dst string) {
	src, dst = filepath.Join(t.TempDir(), "src"), t.TempDir()
	files := map[string]int{
		"empty": 0, "small": 10, "big": 3*deliverytest.MiB + 5, "d/e/f": 100, "with space": 5, "-dash": 3, ".hidden": 4, "d/exec": 9, "was folder": 20,
		"same": 50, "changed": 60, "long " + strings.Repeat("x", 240): 1,
	}
	if treetest.Has(t, treetest.AnyName) {
		files["with space\n"], files["\xff\xfe"] = 5, 7
	}
	for name, size := range files {
		deliverytest.Write(t, filepath.Join(src, name), size, uint64(len(name)))
	}
	deliverytest.Must(t, os.Chmod(filepath.Join(src, "d/exec"), 0o751))
	treetest.Symlink(t, "../../outside", filepath.Join(src, "out"))
	treetest.Symlink(t, "small", filepath.Join(src, "in"))
	deliverytest.Must(t, os.Link(filepath.Join(src, "small"), filepath.Join(src, "d/hard")))
	deliverytest.Must(t, os.MkdirAll(filepath.Join(src, "no/thing"), 0o700))
	deliverytest.Must(t, filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() != fs.ModeSymlink {
			err = os.Chtimes(p, odd(), odd())
		}
		return err
	}))
	deliverytest.Write(t, filepath.Join(dst, "changed"), 60, 99)
	deliverytest.Write(t, filepath.Join(dst, "was folder/x"), 60, 99)
	deliverytest.Write(t, filepath.Join(dst, "extra/y"), 60, 99)
	deliverytest.Write(t, filepath.Join(dst, "no"), 60, 99)
	return src, dst
}

// treeAt is what stands at a destination, but for the times of what was made by this test and
// of links.
func treeAt(t *testing.T, dst string) string {
	var b strings.Builder
	deliverytest.Must(t, filepath.WalkDir(dst, func(p string, d fs.DirEntry, err error) error {
		info, ierr := os.Lstat(p)
		if err = errors.Join(err, ierr); err != nil {
			return err
		}
		rel := strings.TrimPrefix(p, dst)
		if strings.HasSuffix(rel, ".aside") {
			rel = filepath.Dir(rel) + "/aside" // what is before it is random
		}
		content := contentAt(p, info)
		fmt.Fprintf(&b, "%q %v %x", rel, info.Mode(), sha256.Sum256(content))
		if info.ModTime().Equal(odd()) {
			b.WriteString(" time")
		}
		b.WriteString("\n")
		return nil
	}))
	return b.String()
}

// contentAt is the content of a file, or the target of a link.
func contentAt(p string, info fs.FileInfo) []byte {
	if info.Mode().IsRegular() {
		b, _ := os.ReadFile(p) // what cannot be read has none, everywhere
		return b
	}
	to, _ := os.Readlink(p)
	return []byte(to)
}

// said is what a person is told, in no order.
func said(saw *deliverytest.Recorder) (all []string) {
	for _, e := range deliverytest.Find[transfer.ItemDone](saw) {
		all = append(all, fmt.Sprintf("%v %q %v %d %v", e.Status, e.At, e.Kind, e.Size, e.Digest))
	}
	for _, e := range deliverytest.Find[transfer.ItemFailed](saw) {
		all = append(all, fmt.Sprintf("failed %q %v", filepath.Base(e.Path), e.Err.Code))
	}
	for _, e := range deliverytest.Find[transfer.ItemDeleted](saw) {
		all = append(all, fmt.Sprintf("deleted %q %v %d", e.Path, e.Kind, e.Size))
	}
	for _, e := range deliverytest.Find[transfer.ItemRemoved](saw) {
		all = append(all, fmt.Sprintf("removed %q %v %d", filepath.Base(e.Path), e.Kind, e.Size))
	}
	for _, e := range deliverytest.Find[transfer.ItemWarned](saw) {
		all = append(all, fmt.Sprintf("warned %q %v %v", filepath.Base(e.Path), e.What, e.Code))
	}
	for _, e := range deliverytest.Find[transfer.ItemKept](saw) {
		all = append(all, fmt.Sprintf("kept %q at %q", e.Path, e.At))
	}
	for _, e := range deliverytest.Find[transfer.ItemExcluded](saw) {
		all = append(all, fmt.Sprintf("excluded %q %v", filepath.Base(e.Path), e.Exclusion))
	}
	for _, e := range deliverytest.Find[transfer.Notice](saw) {
		at := filepath.Base(e.Path)
		if strings.HasSuffix(at, ".aside") {
			at = "aside" // what is before it is random
		}
		all = append(all, fmt.Sprintf("notice %q %v", at, e.Err))
	}
	slices.Sort(all)
	return all
}

// counts are what a result says and both ends know.
func counts(r transfer.Result) string {
	return fmt.Sprint(r.DryRun, r.Delivered, r.Replaced, r.Same, r.Adjusted, r.Skipped, r.Excluded, r.Deleted, r.Removed, r.Stayed, r.Backups, r.Failed, r.Files, r.Bytes, r.Durable)
}

// A copy over a link leaves the same tree as one on this machine, tells the user the same at
// either end, and ends in the same way.
func TestCopyIsTheSameOverALink(t *testing.T) {
	t.Parallel()
	most := int64(deliverytest.MiB)
	for name, change := range map[string]func(*local.Options){
		"plain":  func(*local.Options) {},
		"delete": func(o *local.Options) { o.Delete = &local.Delete{Max: 100} },
		"few":    func(o *local.Options) { o.Delete = &local.Delete{Max: 1} },
		"backup": func(o *local.Options) { o.Receive.Backup = &transfer.Backup{Suffix: "~"} },
		"delete all": func(o *local.Options) {
			o.Delete, o.Receive.Backup = &local.Delete{Max: 100}, &transfer.Backup{Suffix: "~"}
		},
		"sizes": func(o *local.Options) { o.Send.Select.Sizes.Max = &most },
		"archive": func(o *local.Options) {
			o.Send.Metadata, o.Receive.Metadata = tree.Metadata{HardLinks: true, Xattrs: true}, tree.Metadata{HardLinks: true, Xattrs: true}
		},
		"remove": func(o *local.Options) { o.Send.Remove = &send.Removal{} },
		"remove by digest": func(o *local.Options) {
			o.Send.Remove, o.Send.Checksum = &send.Removal{Strict: true}, true
		},
		"follow":  func(o *local.Options) { o.Send.Follow = true },
		"skip":    func(o *local.Options) { o.Receive.OnConflict = transfer.ConflictSkip },
		"fail":    func(o *local.Options) { o.Receive.OnConflict = transfer.ConflictFail },
		"dry":     func(o *local.Options) { o.Send.DryRun = true; o.Delete = &local.Delete{Max: 100} },
		"dry few": func(o *local.Options) { o.Send.DryRun = true; o.Delete = &local.Delete{Max: 1} },
	} {
		t.Run(name, func(t *testing.T) { sameCopies(t, layOdd, change) })
	}
}

// sameCopies compares a copy here with those over a link, for a user at either end.
func sameCopies(t *testing.T, lay func(*testing.T) (src, dst string), change func(*local.Options)) {
	t.Helper()
	type end struct{ source, tree, said, counts, err string }
	var near end
	for _, user := range users() {
		src, dst := lay(t)
		saw := new(deliverytest.Recorder)
		o := local.Options{
			Send:    send.Options{Sources: deliverytest.Contents(src), Observer: saw},
			Receive: receive.Options{OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll},
		}
		change(&o)
		if o.Send.DryRun {
			deliverytest.Rehearsed(t, dst)(&o.Send, &o.Receive, nil)
		} else {
			d, err := local.NewFolder(dst, local.FolderOptions{})
			deliverytest.Must(t, err)
			defer d.Close()
			o.Receive.Destination = d
		}
		r, err := copyAs(t, user, o)
		got := end{treeAt(t, src), treeAt(t, dst), strings.Join(said(saw), "\n"), counts(r), strings.ReplaceAll(fmt.Sprint(err), dst, "DEST")}
		if user == "" {
			near = got
			continue
		}
		if got.source != near.source {
			t.Errorf("%s: the source is\n%s\nand not\n%s", user, got.source, near.source)
		}
		if got.tree != near.tree {
			t.Errorf("%s: the tree is\n%s\nand not\n%s", user, got.tree, near.tree)
		}
		if got.said != near.said {
			t.Errorf("%s: told is\n%s\nand not\n%s", user, got.said, near.said)
		}
		if got.counts != near.counts || got.err != near.err {
			t.Errorf("%s: %s, %s, and not %s, %s", user, got.counts, got.err, near.counts, near.err)
		}
	}
}

// copyAs copies on this machine, or for a user at one end of a link.
func copyAs(t *testing.T, user string, o local.Options) (transfer.Result, error) {
	if user == "" {
		return local.Copy(t.Context(), o)
	}
	s, r := o.Send, o.Receive
	s.OwnSkips, s.Unasked, r.Mirror = true, true, o.Delete
	if user == "receiver" {
		s.Observer, r.Observer = nil, s.Observer
	}
	a, b, err := link.Pipe(link.Config{Role: link.Sender, Capabilities: copyCaps}, link.Config{Role: link.Receiver, Capabilities: copyCaps})
	deliverytest.Must(t, err)
	type result struct {
		transfer.Result
		error
	}
	received := make(chan result, 1)
	go func() {
		res, err := receive.Receive(t.Context(), b, r)
		received <- result{res, err}
	}()
	sent, err := send.Send(t.Context(), a, s)
	there := <-received
	if user == "receiver" {
		return there.Result, there.error
	}
	return sent, err
}
