package dest

import (
	"os"
	"path/filepath"
	"testing"

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
