package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// childUmask makes one of each kind with odd modes.
func childUmask(args string) error {
	var mask int
	var dir string
	if _, err := fmt.Sscanf(args, "%o %s", &mask, &dir); err != nil {
		return err
	}
	unix.Umask(mask)
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	id := uint64(0)
	for _, mode := range modes {
		id++
		folder := folderEntry(id, 0, fmt.Sprintf("folder%03o", mode))
		folder.Mode = mode
		if _, err := f.MakeFolder(folder); err != nil {
			return err
		}
		for _, size := range []int{1, chunk + 1} {
			e := fileEntry(fmt.Sprint("file", size), size)
			e.Parent, e.Mode = id, mode
			p, err := f.Begin(e)
			if err != nil {
				return err
			}
			b := content(size, 1)
			for i := range checksum.Chunks(e.Size) {
				err = errors.Join(err, p.WriteChunk(i, chunkOf(b, i), cvOf(chunkOf(b, i), i)))
			}
			pub := &storage.Publication{Partial: p, Entry: e}
			err = errors.Join(err, p.Seal(e, e.Size, checksum.Sum(b)), f.Publish([]*storage.Publication{pub}), pub.Err)
			if err != nil {
				return err
			}
		}
		if _, err := f.FinishFolder(folder); err != nil {
			return err
		}
	}
	return f.finished()
}

var modes = []uint32{0, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o077, 0o111}

func TestExactModesUnderAnyUmask(t *testing.T) {
	for _, uid := range []uint32{0, 65534} {
		for _, mask := range []string{"000", "022", "077"} {
			t.Run(fmt.Sprintf("uid=%d/umask=%s", uid, mask), func(t *testing.T) {
				if uid != 0 {
					needRoot(t)
				}
				dir := publicDir(t)
				must(t, os.Chmod(dir, 0o777))
				if got := (child{do: "umask", dir: mask + " " + dir, uid: uid}).run(t); got != "" {
					t.Fatalf("child: %s", got)
				}
				for _, mode := range modes {
					folder := filepath.Join(dir, fmt.Sprintf("folder%03o", mode))
					info, err := os.Stat(folder)
					must(t, err)
					if uint32(info.Mode().Perm()) != mode || timeOf(info.ModTime()) != testTime {
						t.Errorf("folder: %v, %v; want mode %o", info.Mode(), info.ModTime(), mode)
					}
					for _, size := range []int{1, chunk + 1} {
						if os.Getuid() == 0 {
							e := fileEntry("", size)
							e.Mode = mode
							same(t, filepath.Join(folder, fmt.Sprint("file", size)), content(size, 1), e)
						}
					}
				}
			})
		}
	}
}
