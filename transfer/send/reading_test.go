package send

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"ferry/transfer/tree"
)

// versionOf is an attempt at some version of a file.
func attemptOf(mtime int64) *attempt {
	return &attempt{info: tree.Info{Size: 64, Ino: 7, MTime: tree.Time{Sec: mtime}}}
}

// readAs has a delivery read a chunk for all.
func readAs(t *testing.T, s *share, a *attempt, index uint64) *portion {
	t.Helper()
	c, mine := s.chunk(a, "f", index)
	if !mine {
		t.Fatalf("chunk %d was read already", index)
	}
	buf := s.of.pool.Get(16)
	copy(*buf, pattern(16))
	c.check = [32]byte{1}
	s.filled(c, buf)
	return c
}

// A chunk is read once for those who come to it while it is in use, and after that for as
// long as there is room. Another version is read anew.
func TestChunksAreReadOnce(t *testing.T) {
	r := NewReading(43) // 10 bytes of it are for packs
	one, two := newShare(r), newShare(r)
	a := attemptOf(1)
	c := readAs(t, one, a, 0)
	same, mine := two.chunk(attemptOf(1), "f", 0)
	if same != c || mine {
		t.Error("the second delivery reads for itself")
	}
	if found, err := two.wait(t.Context(), same); err != nil || !found || !bytes.Equal(*same.buf, pattern(16)) || same.check != [32]byte{1} {
		t.Errorf("the second delivery gets other bytes, %v", err)
	}
	if other, mine := two.chunk(attemptOf(2), "f", 0); other == c || !mine {
		t.Error("another version of the file is taken for it")
	} else {
		two.failed(other)
	}
	one.drop(c)
	two.drop(same)
	for i := range uint64(3) { // the third has no room beside the second and the first
		if i > 0 {
			one.drop(readAs(t, one, a, i))
		}
	}
	if _, mine := two.chunk(a, "f", 1); mine {
		t.Error("what was read last is not kept")
	}
	if _, mine := two.chunk(a, "f", 0); !mine {
		t.Error("more is kept than there is room for")
	}
	if r.chunks.held > 32 {
		t.Errorf("%d bytes are kept, want at most 32", r.chunks.held)
	}
}

// A delivery that waits for another one's read goes on by itself if that fails, and ends
// with its own context.
func TestReadOfAnotherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReading(32)
		one, two, three := newShare(r), newShare(r), newShare(r)
		c, _ := one.chunk(attemptOf(1), "f", 0)
		waits, _ := two.chunk(attemptOf(1), "f", 0)
		ends, _ := three.chunk(attemptOf(1), "f", 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		cancel(gone)
		if _, err := three.wait(ctx, ends); !errors.Is(err, gone) {
			t.Errorf("the wait ended with %v", err)
		}
		got := make(chan bool)
		go func() {
			found, err := two.wait(t.Context(), waits)
			if err != nil {
				t.Error(err)
			}
			got <- found
		}()
		synctest.Wait()
		one.failed(c)
		if <-got {
			t.Error("a failed read gives bytes")
		}
		if _, mine := two.chunk(attemptOf(1), "f", 0); !mine {
			t.Error("nobody may read it again")
		}
		one.end()
		two.end()
		three.end()
		if len(one.uses)+len(two.uses)+len(three.uses) > 0 || len(r.portions) > 0 {
			t.Error("something is in use after the end")
		}
	})
}

// What a delivery has not given back when it ends is used for nothing else, and others
// keep what they have.
func TestEndOfADeliveryThatShares(t *testing.T) {
	r := NewReading(0)
	one, two := newShare(r), newShare(r)
	a := attemptOf(1)
	readAs(t, one, a, 0)
	both := readAs(t, one, a, 1)
	if _, mine := two.chunk(a, "f", 1); mine {
		t.Fatal("it was not found")
	}
	one.end()
	if _, mine := two.chunk(a, "f", 1); mine {
		t.Error("a chunk that is in use is forgotten")
	}
	if _, mine := two.chunk(a, "f", 0); !mine {
		t.Error("a chunk that may still be with a link is found")
	}
	if !bytes.Equal(*both.buf, pattern(16)) {
		t.Error("its bytes were used for something else")
	}
}

// Whoever shares nothing needs no Reading.
func TestNothingShared(t *testing.T) {
	s := newShare(nil)
	if c, mine := s.chunk(attemptOf(1), "f", 0); c != nil || mine {
		t.Error("there is a chunk")
	}
	s.end()
}
