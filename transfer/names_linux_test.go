package transfer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/storage"
)

// mirrorEscaped copies what is in src to dst, where names are escaped, and deletes the rest.
func mirrorEscaped(t *testing.T, src, dst string, dry bool) (saw *deliverytest.Recorder, deleted []string, r transfer.Result) {
	t.Helper()
	var opened storage.Destination
	defer func() {
		if opened != nil {
			deliverytest.Must(t, opened.Close())
		}
	}()
	saw, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		names := local.FolderOptions{EscapeNames: true}
		if dry {
			o.Send.DryRun = true
			o.Receive.Rehearse = func() (storage.Destination, error) {
				var err error
				opened, err = local.NewRehearsal(dst, names)
				return opened, err
			}
			return
		}
		var err error
		opened, err = local.NewFolder(dst, names)
		deliverytest.Must(t, err)
		o.Receive.Destination = opened
	})
	if err != nil {
		t.Fatal(err, r.Failures)
	}
	return saw, deleted, r
}

// On a disk with Windows' names the second run moves nothing and deletes nothing, wherever
// the source is. What the source has no more goes, and a name that is escaped is replaced and
// moved like others.
func TestMirrorOfEscapedNames(t *testing.T) {
	for _, user := range []string{"", "sender", "receiver"} {
		t.Run("for the "+user, func(t *testing.T) {
			dst := mountedNTFS(t, "windows_names")
			if user != "" {
				deliverytest.Far(t, user)
			}
			src, want := unholdable(t)
			same := func() {
				t.Helper()
				for name, at := range want {
					deliverytest.SameFile(t, filepath.Join(src, name), filepath.Join(dst, at))
				}
			}
			mirrorEscaped(t, src, dst, false)
			same()
			for _, dry := range []bool{false, true} {
				if _, deleted, r := mirrorEscaped(t, src, dst, dry); r.Delivered != 0 || deleted != nil || r.Escaped == 0 {
					t.Errorf("dry %v: the second run delivered %d items, deleted %q and escaped %d names", dry, r.Delivered, deleted, r.Escaped)
				}
			}

			for _, name := range []string{"a:b", "aux.d/in./deep", "aux.d/in."} {
				deliverytest.Must(t, os.Remove(filepath.Join(src, name)))
				delete(want, name)
			}
			deliverytest.Write(t, filepath.Join(dst, "stale%3A"), 10, 1)
			deliverytest.Must(t, os.Rename(filepath.Join(src, "big*"), filepath.Join(src, "moved?")))
			delete(want, "big*")
			want["moved?"] = "moved%3F"
			gone := []string{"a%3Ab", "au%78.d/in%2E", "au%78.d/in%2E/deep", "big%2A", "stale%3A"}
			if _, would, _ := mirrorEscaped(t, src, dst, true); !slices.Equal(would, gone) {
				t.Errorf("it would delete %q, want %q", would, gone)
			}
			_, deleted, r := mirrorEscaped(t, src, dst, false)
			if !slices.Equal(deleted, gone) || r.Reused != 3*deliverytest.MiB+5 {
				t.Errorf("it deleted %q, want %q, and used %d bytes of what was moved", deleted, gone, r.Reused)
			}
			same()

			// Items of another kind make way.
			deliverytest.Must(t, os.RemoveAll(filepath.Join(src, "aux.d")))
			deliverytest.Write(t, filepath.Join(src, "aux.d"), 10, 5)
			deliverytest.Must(t, os.Remove(filepath.Join(src, "it%3A")))
			deliverytest.Write(t, filepath.Join(src, "it%3A", "x:y", "z"), 10, 6)
			for name := range want {
				if strings.HasPrefix(name, "aux.d/") || name == "it%3A" {
					delete(want, name)
				}
			}
			want["aux.d"], want["it%3A/x:y/z"] = "au%78.d", "it%3A/x%3Ay/z"
			mirrorEscaped(t, src, dst, false)
			same()
			if _, deleted, r := mirrorEscaped(t, src, dst, false); r.Delivered != 0 || deleted != nil {
				t.Errorf("at the end %d items were delivered and %q deleted", r.Delivered, deleted)
			}
		})
	}
}

// A disk that folds case lists other spellings of escaped names, which are delivered too.
func TestMirrorOfEscapedNamesThatAreFolded(t *testing.T) {
	for _, user := range []string{"", "receiver"} {
		t.Run("for the "+user, func(t *testing.T) {
			dst := mountedNTFS(t, "windows_names,ignore_case")
			if user != "" {
				deliverytest.Far(t, user)
			}
			src, _ := unholdable(t)
			mirrorEscaped(t, src, dst, false)
			for _, dry := range []bool{true, false, false} {
				if _, deleted, r := mirrorEscaped(t, src, dst, dry); r.Delivered != 0 || deleted != nil {
					t.Errorf("dry %v: another run delivered %d items and deleted %q", dry, r.Delivered, deleted)
				}
			}
			deliverytest.Write(t, filepath.Join(dst, "Stale%3A"), 10, 1)
			deliverytest.Must(t, os.Remove(filepath.Join(src, "a:b")))
			if _, deleted, _ := mirrorEscaped(t, src, dst, false); len(deleted) != 2 {
				t.Errorf("it deleted %q", deleted)
			}
		})
	}
}

// Another file system refuses other names; those that it holds stay as they are.
func TestEscapedNamesOnExFAT(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "at")
	deliverytest.Must(t, os.Mkdir(at, 0o755))
	deliverytest.Must(t, os.WriteFile(image, nil, 0o600))
	deliverytest.Must(t, os.Truncate(image, 64<<20))
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Skipf("%q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.exfat", image)
	loop := run("losetup", "-f", "--show", image)
	t.Cleanup(func() { deliverytest.Must(t, exec.Command("losetup", "-d", loop).Run()) })
	run("mount.exfat-fuse", loop, at)
	t.Cleanup(func() { deliverytest.Must(t, unix.Unmount(at, 0)) })
	src, want := unholdable(t)
	deliverytest.Must(t, os.Remove(filepath.Join(src, "li|nk"))) // it has no links
	dst := filepath.Join(at, "out")
	mirrorEscaped(t, src, dst, false)
	for name, as := range want {
		if !strings.ContainsAny(name, `:?*\`) && utf8.ValidString(name) {
			continue
		}
		as = strings.ReplaceAll(strings.ReplaceAll(as, "au%78", "aux"), "in%2E", "in.")
		deliverytest.SameFile(t, filepath.Join(src, name), filepath.Join(dst, as))
	}
	for range 2 {
		if _, deleted, r := mirrorEscaped(t, src, dst, false); r.Delivered != 0 || deleted != nil {
			t.Errorf("another run delivered %d items and deleted %q", r.Delivered, deleted)
		}
	}
}
