package dest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A file shares what another one has. If that is shorter by then, it does not: the zeros
// behind the end are nobody's.
func TestShare(t *testing.T) {
	needRoot(t)
	needTool(t, "mkfs.btrfs")
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 128<<20))
	if out, err := exec.Command("mkfs.btrfs", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.btrfs: %v: %s", err, out)
	}
	dir := mounted(t, t.TempDir(), "shares", "btrfs", image, "loop")
	b := content(3*chunk, 1)
	for name, c := range map[string]struct {
		size int64 // of the source when it is shared
		want bool
	}{"whole": {3 * chunk, true}, "longer": {4 * chunk, true}, "shorter": {2 * chunk, false}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			must(t, os.WriteFile(path, b, 0o600))
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			info, err := tree.Fstat(file)
			must(t, err)
			from := tree.NewContent(file, info)
			defer from.Close()
			must(t, file.Truncate(c.size))
			must(t, os.Mkdir(filepath.Join(dir, "to-"+name), 0o755))
			f := open(t, filepath.Join(dir, "to-"+name), Options{VerifyDisk: true})
			e := fileEntry("x", len(b))
			p, err := f.Begin(e)
			must(t, err)
			if got := p.Share(from); got != c.want {
				t.Fatalf("shared: %v", got)
			}
			if !c.want {
				must(t, p.Discard(true))
				return
			}
			must(t, p.Seal(e, int64(len(b)), checksum.Sum(b)))
			publish(t, f, &storage.Publication{Partial: p, Entry: e})
			finish(t, f)
			same(t, filepath.Join(dir, "to-"+name, "x"), b, e)
		})
	}
}
