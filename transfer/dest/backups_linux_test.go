package dest

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
)

// Where another file system is mounted below the destination, backups stand beside what
// they are of too, and a folder for them elsewhere costs no more than that item.
func TestBackupsBelowAMount(t *testing.T) {
	dir := t.TempDir()
	mount := mounted(t, dir, "m", "tmpfs", "none", "size=1m")
	for _, folder := range []string{"", "kept"} {
		f, b, err := keeping(t, dir, folder)
		must(t, err)
		_, err = f.maker.MakeFolder(folderEntry(1, 0, "m"))
		must(t, err)
		e := fileEntry("f", 3)
		e.Parent = 1
		for _, content := range []string{"old", "new"} {
			must(t, os.WriteFile(filepath.Join(mount, "f"), []byte(content), 0o600))
			_, err := b.Keep(e, "f~", nil)
			if folder != "" {
				if storage.KindOf(err) != storage.Unsupported {
					t.Errorf("elsewhere: %v", err)
				}
				continue
			}
			must(t, err)
			if got := contentOf(t, filepath.Join(mount, "f~")); got != content {
				t.Errorf("kept is %q", got)
			}
			must(t, os.Remove(filepath.Join(mount, "f")))
		}
		must(t, f.Close())
	}
}

// What ferry clears is no place for backups.
func TestBackupsNotInState(t *testing.T) {
	for _, folder := range []string{".ferry-partial", "a/.ferry-partial-0/b", filepath.Join(t.TempDir(), ".Ferry-Partial")} {
		if _, _, err := keeping(t, t.TempDir(), folder); storage.KindOf(err) != storage.Name {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
