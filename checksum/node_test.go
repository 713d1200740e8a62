package checksum

import (
	"math"
	"testing"
)

func TestGeometry(t *testing.T) {
	for _, c := range []struct {
		size   int64
		chunks uint64
		last   int
	}{
		{0, 0, 0}, {1, 1, 1}, {ChunkSize - 1, 1, ChunkSize - 1}, {ChunkSize, 1, ChunkSize},
		{ChunkSize + 1, 2, 1}, {2 * ChunkSize, 2, ChunkSize},
		{1 << 40, 1 << 20, ChunkSize},
		{math.MaxInt64, 1 << 43, ChunkSize - 1},
	} {
		if got := Chunks(c.size); got != c.chunks {
			t.Errorf("Chunks(%d) = %d, want %d", c.size, got, c.chunks)
		}
		if c.chunks > 0 {
			if got := ChunkLen(c.size, c.chunks-1); got != c.last {
				t.Errorf("last chunk of %d: %d bytes, want %d", c.size, got, c.last)
			}
		}
		if c.chunks > 1 && ChunkLen(c.size, 0) != ChunkSize {
			t.Errorf("first chunk of %d: %d bytes", c.size, ChunkLen(c.size, 0))
		}
		if got := ChunkLen(c.size, c.chunks); got != 0 {
			t.Errorf("past the end of %d: %d bytes", c.size, got)
		}
	}
}

func TestNodeOfEverySmallSize(t *testing.T) {
	p := randomBytes(1, 40<<10)
	for n := 0; n <= len(p); n += 1 + n/200 {
		if got, want := NewNode(p[:n], 0).Root(), oracle(p[:n]); got != want {
			t.Fatalf("%d bytes: %v, want %v", n, got, want)
		}
	}
}

// What lies between the end of the data and its capacity must not count.
func TestNodeDoesNotDependOnCapacity(t *testing.T) {
	p := randomBytes(2, ChunkSize)
	for _, n := range []int{0, 1, 1024, 1025, 16384, 16385, 20000, ChunkSize - 1} {
		exact := NewNode(p[:n:n], 7).CV()
		if NewNode(p[:n], 7).CV() != exact {
			t.Errorf("%d bytes: the CV depends on what follows", n)
		}
	}
}

func TestCVDependsOnPosition(t *testing.T) {
	p := randomBytes(3, ChunkSize)
	if NewNode(p, 0).CV() == NewNode(p, 1).CV() {
		t.Error("chunks 0 and 1 of the same bytes have the same CV")
	}
}

func TestCheck(t *testing.T) {
	p := randomBytes(4, 5000)
	if Check(p, 0, true) != [32]byte(oracle(p)) {
		t.Error("single: not the digest")
	}
	if Check(p, 3, false) != [32]byte(NewNode(p, 3).CV()) {
		t.Error("not the CV")
	}
	if Check(p, 0, false) == Check(p, 0, true) {
		t.Error("CV and digest are the same")
	}
}

func TestNewNodeRefusesMoreThanAChunk(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewNode(make([]byte, ChunkSize+1), 0)
}

func TestHashingDoesNotAllocate(t *testing.T) {
	p := make([]byte, ChunkSize)
	for name, f := range map[string]func(){
		"Sum":           func() { Sum(p[:4096]) },
		"NewNode":       func() { NewNode(p, 1).CV() },
		"NewNode short": func() { NewNode(p[:20000:20000], 1).Root() },
	} {
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
