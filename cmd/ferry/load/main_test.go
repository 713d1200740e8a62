//go:build load && linux

package load

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	soakFlag    = flag.Duration("load.soak", 30*time.Second, "how long the soak lasts")
	seedFlag    = flag.Uint64("load.seed", 1, "what the soak does")
	paceFlag    = flag.Float64("load.pace", 2, "processors that the programs of the soak take together")
	clientsFlag = flag.Int("load.clients", 24, "clients of the crowd")
	smallFlag   = flag.Int("load.small", 50, "files of each")
	largeFlag   = flag.Int("load.large", 2, "further clients with one large file each")
	sizeFlag    = flag.Int64("load.size", 64, "MiB of a large file")
	factorFlag  = flag.Float64("load.factor", 0, "most times that a small delivery may take of its time alone; 0 only tells")
	dirFlag     = flag.String("load.dir", "", "where all is kept")
	ferryFlag   = flag.String("load.ferry", "", "the program; built if not given")
	storeFlag   = flag.Bool("load.store", false, "replicas before an S3 store too")
)

// place is a folder for one test, and the program in it.
func place(t *testing.T) (dir, ferry string) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	dir = t.TempDir()
	if *dirFlag != "" {
		dir = filepath.Join(*dirFlag, t.Name())
		must(t, os.MkdirAll(filepath.Dir(dir), 0o755))
		must(t, os.RemoveAll(dir))
		must(t, os.MkdirAll(dir, 0o755))
		t.Cleanup(func() {
			if !t.Failed() {
				_ = os.RemoveAll(dir)
			}
		})
	}
	if ferry = *ferryFlag; ferry != "" {
		return dir, ferry
	}
	ferry = filepath.Join(dir, "ferry")
	build := exec.Command("go", "build", "-o", ferry, "ferry/cmd/ferry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building ferry: %v: %s", err, out)
	}
	return dir, ferry
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
