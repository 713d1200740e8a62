package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Users who share a folder do not keep each other from delivering into it,
// whatever one of them leaves there.
func TestStateFolderOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	const alice, bob = 65533, 65532
	for what, share := range map[string]func(dir string) error{
		"sticky": func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) },
		"setgid": func(dir string) error {
			if err := os.Chown(dir, 0, bob); err != nil {
				return err
			}
			return os.Chmod(dir, 0o775|os.ModeSetgid)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(publicDir(t), "inbox")
			must(t, os.Mkdir(dir, 0o755))
			must(t, share(dir))
			for _, name := range []string{tree.PartialName, tree.PartialName + "-65532"} {
				state := filepath.Join(dir, name)
				must(t, os.Mkdir(state, 0o700))
				must(t, os.Chown(state, alice, alice))
				if got := (child{do: "deliver", dir: dir, uid: bob}).run(t); got != "" {
					t.Fatalf("beside %s: %s", name, got)
				}
				if n := delivered(t, dir); n != childFiles+1 {
					t.Errorf("%d files are there", n)
				}
				must(t, os.RemoveAll(filepath.Join(dir, "sub")))
				must(t, os.Remove(filepath.Join(dir, "large")))
			}
			wantNames(t, dir, tree.PartialName, tree.PartialName+"-65532")
		})
	}
}

// childMayPut asks about two items in dir, and about one in a folder that it makes.
func childMayPut(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	for _, name := range []string{"first", "second"} {
		err := f.MayPut(fileEntry(name, 1))
		switch {
		case err == nil:
			fmt.Print("free ")
		case storage.KindOf(err) == storage.Consequence:
			fmt.Print("told ")
		case errors.Is(err, errTakesNothing):
			fmt.Print("shut ")
		default:
			return err
		}
	}
	r, err := Rehearse(dir, Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	for _, name := range []string{"first", "second"} {
		fmt.Print(r.MayPut(fileEntry(name, 1)) == nil, " ")
	}
	return nil
}

// A folder that takes nothing is known before the bytes come, and told once.
func TestMayPutByUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir := filepath.Join(publicDir(t), "inbox")
	must(t, os.Mkdir(dir, 0o755))
	for _, c := range []struct {
		uid  uint32
		want string
	}{{65532, "shut told false false"}, {0, "free free true true"}} {
		if got := (child{do: "mayput", dir: dir, uid: c.uid}).run(t); got != c.want {
			t.Errorf("user %d: %s, want %s", c.uid, got, c.want)
		}
	}
	must(t, os.Chmod(dir, 0o777))
	if got := (child{do: "mayput", dir: dir, uid: 65532}).run(t); got != "free free true true" {
		t.Errorf("where all may write: %s", got)
	}
	wantNames(t, dir)
}
