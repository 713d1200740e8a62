//go:build linux || darwin || freebsd

package tree

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const mib = 1 << 20

// sparse makes a file of size bytes with data in the MiBs named.
func sparse(t *testing.T, size int64, data ...int64) (*os.File, Info) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	check(t, f.Truncate(size))
	for _, at := range data {
		b := make([]byte, min(mib, size-at*mib))
		b[0] = 1
		_, err := f.WriteAt(b, at*mib)
		check(t, err)
	}
	info, err := Fstat(f)
	check(t, err)
	if info.Allocated >= size {
		t.Skip("the file system keeps no holes")
	}
	return f, info
}

func TestExtents(t *testing.T) {
	const size = 6*mib + 100
	f, info := sparse(t, size, 1, 2, 5)
	x := NewExtents(f, info)
	var wg sync.WaitGroup
	for range 3 { // beside each other, and in both directions
		for _, c := range []struct {
			off, n int64
			want   Cover
		}{
			{0, mib, AllHole}, {mib, mib, AllData}, {2 * mib, mib, AllData}, {3 * mib, mib, AllHole},
			{3 * mib, 2 * mib, AllHole}, {4 * mib, 2 * mib, Mixed}, {0, 2 * mib, Mixed}, {5 * mib, mib, AllData},
			{6 * mib, mib, AllHole}, {6 * mib, 100, AllHole}, {size, mib, AllData}, {-1, mib, AllData}, {0, 0, AllData},
		} {
			wg.Go(func() {
				if got := x.Cover(c.off, c.n); got != c.want {
					t.Errorf("%d bytes at %d are %d, want %d", c.n, c.off, got, c.want)
				}
			})
		}
	}
	wg.Wait()
}

// What is not there any more is no hole: reading has to find out.
func TestExtentsOfAFileThatShrank(t *testing.T) {
	f, info := sparse(t, 4*mib, 1)
	check(t, f.Truncate(mib+1))
	if got := NewExtents(f, info).Cover(2*mib, mib); got != AllData {
		t.Errorf("cover %d", got)
	}
}

// A file without holes costs no call: here one that could not be made any more.
func TestExtentsOfADenseFile(t *testing.T) {
	f, _ := sparse(t, 2*mib, 0)
	info := Info{Kind: File, Size: 2 * mib, Allocated: 2 * mib}
	if got := NewExtents(f, info).Cover(mib, mib); got != AllData {
		t.Errorf("cover %d", got)
	}
}

// A file system that stops telling makes all of the file data, whoever asks first.
func TestExtentsOfManyGoroutines(t *testing.T) {
	_, d := open(t, 2)
	f, err := d.Create("f", 0o600)
	check(t, err)
	check(t, f.Truncate(1<<20))
	info, err := Fstat(f)
	check(t, err)
	x := NewExtents(f, info)
	check(t, f.Close())
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for off := int64(0); off < 1<<20; off += 1 << 16 {
				if c, next := x.Cover(off, 1<<16), x.NextData(off); c != AllData || next != off {
					t.Errorf("at %d: cover %v, data at %d", off, c, next)
				}
			}
		})
	}
	askers.Wait()
}
