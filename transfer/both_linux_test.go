package transfer_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// layOdder makes a source with what file systems and other people's software fall over:
// names, special files, links that lead astray, holes, depth and modes.
func layOdder(t *testing.T) (src, dst string) {
	src, dst = filepath.Join(t.TempDir(), "src"), t.TempDir()
	for _, name := range []string{
		"new\nline", "tab\tand\x01bell\x07", "colon:question?star*", `less<greater>"pipe|back\slash`, "trailing dot.", "trailing space ",
		strings.Repeat("ä", 127) + "x", "🦊", "caf\u00e9", "cafe\u0301", "-rf", "CON", "nul.txt", "a&b;c$d'e`f", "...", " leading", "~", "\u202egnp", "%2f", "Same", "same",
	} {
		deliverytest.Write(t, filepath.Join(src, "names", name), 20, uint64(len(name)))
		deliverytest.Must(t, os.MkdirAll(filepath.Join(src, "folders", name), 0o755))
	}
	deliverytest.Write(t, filepath.Join(src, strings.Repeat("d/", 100)+"deep"), 10, 1)
	deliverytest.Must(t, os.MkdirAll(filepath.Join(src, "links"), 0o755))
	for name, target := range map[string]string{"dangling": "nowhere/at all", "self": "self", "dot": ".", "long": strings.Repeat("x/", 500), "odd": "a\nb\xff"} {
		deliverytest.Must(t, os.Symlink(target, filepath.Join(src, "links", name)))
	}
	deliverytest.Must(t, os.Link(filepath.Join(src, "names/same"), filepath.Join(src, "links/hard")))
	deliverytest.Must(t, os.Link(filepath.Join(src, "links/odd"), filepath.Join(src, "links/hard too")))
	deliverytest.Must(t, unix.Mkfifo(filepath.Join(src, "fifo"), 0o640))
	deliverytest.Must(t, unix.Mknod(filepath.Join(src, "socket"), unix.S_IFSOCK|0o640, 0))
	if os.Geteuid() == 0 {
		_ = unix.Mknod(filepath.Join(src, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) // a container may not
	}
	holes := filepath.Join(src, "holes")
	deliverytest.Must(t, os.WriteFile(holes, nil, 0o600))
	deliverytest.Must(t, os.Truncate(holes, 3<<20+1))
	deliverytest.Must(t, filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() != fs.ModeSymlink {
			err = os.Chtimes(p, odd(), odd())
		}
		return err
	}))
	deliverytest.Write(t, filepath.Join(dst, "fifo"), 60, 99)
	deliverytest.Must(t, unix.Mkfifo(filepath.Join(dst, "extra"), 0o640))
	deliverytest.Must(t, unix.Mkfifo(filepath.Join(dst, "holes"), 0o640))
	deliverytest.Write(t, filepath.Join(dst, "names/extra\n\x1b[2J"), 60, 99)
	return src, dst
}

// What is odd is the same over a link too.
func TestOddCopyIsTheSameOverALink(t *testing.T) {
	t.Parallel()
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	archive := func(o *local.Options) { o.Send.Metadata, o.Receive.Metadata = all, all }
	for name, change := range map[string]func(*local.Options){
		"plain":   func(*local.Options) {},
		"archive": archive,
		"mirror":  func(o *local.Options) { archive(o); o.Delete = &local.Delete{Max: 100} },
		"move": func(o *local.Options) {
			archive(o)
			o.Send.Remove, o.Receive.Backup = &send.Removal{}, &transfer.Backup{Suffix: "~"}
		},
		"dry": func(o *local.Options) { archive(o); o.Send.DryRun, o.Delete = true, &local.Delete{Max: 100} },
	} {
		t.Run(name, func(t *testing.T) { sameCopies(t, layOdder, change) })
	}
}
