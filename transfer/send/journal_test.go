package send

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/tree"
)

// What is noted is read again, in memory and beyond, and leaves no file.
func TestJournalKeepsWhatIsNoted(t *testing.T) {
	dir := t.TempDir()
	temporaryIn(t, dir)
	for _, n := range []int{0, 1, 100, 60_000} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		make := func(i int) record {
			return record{
				root: uint64(i % 3), folder: strings.Repeat("d/", i%40), name: fmt.Sprint("n\xff", i), display: "src", at: "",
				info: tree.Info{Kind: tree.File, Size: random.Int64(), MTime: tree.Time{Sec: -random.Int64(), Nsec: 5}, CTime: tree.Time{Sec: 7}, Dev: random.Uint64(), Ino: random.Uint64()},
			}
		}
		var want []record
		var j journal
		for i := range n {
			want = append(want, make(i))
			j.add(&want[i])
		}
		i := 0
		for r, err := range j.all() {
			if err != nil || i >= n || *r != want[i] {
				t.Fatalf("item %d of %d is %+v, %v", i, n, r, err)
			}
			i++
		}
		if i != n || j.err != nil {
			t.Errorf("%d of %d items, %v", i, n, j.err)
		}
		if n == 60_000 && j.file == nil {
			t.Error("it is all in memory")
		}
		j.close()
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// temporaryIn has temporary files made in dir, whatever the system calls the variable.
func temporaryIn(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
}

// A list that cannot be written says so, and one that is cut short too.
func TestJournalTellsOfItsFaults(t *testing.T) {
	temporaryIn(t, filepath.Join(t.TempDir(), "nowhere", "at", "all"))
	var j journal
	for range 60_000 {
		j.add(&record{folder: strings.Repeat("d/", 40), name: "n"})
	}
	if j.err == nil {
		t.Error("nothing failed")
	}
	short := journal{}
	short.add(&record{name: "n"})
	short.buf = short.buf[:len(short.buf)-1]
	for _, err := range short.all() {
		if err == nil {
			t.Error("a record is cut, and nobody says so")
		}
	}
}
