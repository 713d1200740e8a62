package delta

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"ferry/framing"
)

const chunkSize = framing.ChunkSize

// random is n bytes that do not repeat.
func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// index is what a sender has of an old file.
func index(t testing.TB, old []byte, level uint8) *Index {
	t.Helper()
	x := NewIndex(level)
	_, err := List(bytes.NewReader(old), int64(len(old)), level, MaxPieces, func() func() { return func() {} }, func(p []framing.Piece, last bool) error {
		body := (&framing.Pieces{ID: 1, Level: level, Last: last, Pieces: p}).Append(nil)
		if len(body) > framing.Limit(framing.TypePieces) {
			t.Fatalf("a frame of %d bytes", len(body))
		}
		m, err := framing.ParsePieces(body)
		if err != nil {
			t.Fatal(err)
		}
		if !x.Add(m.Pieces, m.Last) {
			t.Fatal("a list of one file is refused")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// cross sends now to who has old, and returns what came out and the bytes that crossed.
func cross(t testing.TB, old, now []byte, level uint8) (got []byte, literal int) {
	t.Helper()
	x := index(t, old, level)
	var v Weaver
	for at := 0; at < len(now); at += chunkSize {
		n := min(chunkSize, len(now)-at)
		w := v.Window(x, int64(at), n, int64(len(now)))
		copy(w.Data, now[w.From:])
		if !bytes.Equal(w.Chunk(), now[at:at+n]) {
			t.Fatal("the chunk is not where the window says")
		}
		payload, copied := v.Weave(nil, x, &w)
		if copied == 0 {
			got, literal = append(got, now[at:at+n]...), literal+n
			continue
		}
		literal += n - copied
		for part, err := range framing.ParseCopies(payload, n) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part.Literal...)
			got = append(got, old[part.Offset:part.Offset+part.Length]...)
		}
	}
	return got, literal
}

// What crosses for a change is a few pieces, wherever it is and whatever it moves.
func TestChangesCostWhatTheyAre(t *testing.T) {
	const size = 24 << 20
	old := random(size, 1)
	level := Level(size)
	piece := 5 << level >> 2 // about
	for _, c := range []struct {
		name string
		now  []byte
		most int
	}{
		{"nothing", old, 0},
		{"a byte at the beginning", append([]byte{1}, old...), 4 * piece},
		{"a byte in the middle", slices.Concat(old[:size/2], []byte{1}, old[size/2:]), 6 * piece},
		{"a deletion", slices.Concat(old[:size/3], old[size/3+777:]), 6 * piece},
		{"the beginning is cut off", old[3<<20+5:], 4 * piece},
		{"halves swapped", slices.Concat(old[size/2:], old[:size/2]), 8 * piece},
		{"a block twice", slices.Concat(old[:5<<20], old[3<<20:5<<20+3], old[5<<20:]), 10 * piece},
		{"the first MiB is new", slices.Concat(random(1<<20, 9), old[1<<20:]), 1<<20 + 6*piece},
		{"another file", random(size, 7), size},
		{"shorter than a piece", old[:100], 100},
	} {
		got, literal := cross(t, old, c.now, level)
		if !bytes.Equal(got, c.now) {
			t.Errorf("%s: another content came out", c.name)
		}
		if literal > c.most {
			t.Errorf("%s: %d bytes crossed, %d pieces' worth is enough", c.name, literal, c.most/piece)
		}
	}
}

// Content that repeats, and zeros, are found as well.
func TestRepetition(t *testing.T) {
	old := bytes.Repeat(random(3<<14, 3), 100)
	got, literal := cross(t, old, append([]byte("in front"), old...), Level(int64(len(old))))
	if !bytes.Equal(got[8:], old) || literal > 1<<20 {
		t.Errorf("%d of %d bytes crossed", literal, len(old))
	}
	zeros := make([]byte, 4<<20)
	if got, literal := cross(t, zeros, zeros[:3<<20+5], Level(4<<20)); len(got) != 3<<20+5 || literal > 1<<17 {
		t.Errorf("%d of the zeros crossed", literal)
	}
}

// Pieces are as long as is said, and no longer than the bounds.
func TestCut(t *testing.T) {
	c := newCutter()
	for level := uint8(framing.MinLevel); level <= framing.MaxLevel; level++ {
		least, most := bounds(level)
		b := random(most*20, uint64(level))
		n := 0
		for left := b; len(left) > 0; n++ {
			l := c.cut(left, level)
			if l > most || l < least && l != len(left) {
				t.Fatalf("level %d: a piece of %d bytes", level, l)
			}
			left = left[l:]
		}
		if mean := len(b) / n; mean < 1<<level*3/4 || mean > 1<<level*3/2 {
			t.Errorf("level %d: pieces have %d bytes on average", level, mean)
		}
	}
	for _, l := range []struct {
		size int64
		want uint8
	}{{0, 12}, {1 << 20, 12}, {1 << 24, 12}, {1<<24 + 1, 13}, {1 << 30, 15}, {1<<30 + 1, 16}, {1 << 36, 18}, {1 << 62, 18}} {
		if got := Level(l.size); got != l.want {
			t.Errorf("a file of %d bytes has level %d", l.size, got)
		}
	}
}

// An old file that is shorter than it was, and more pieces than are allowed, cut the list off.
func TestListEnds(t *testing.T) {
	old := random(1<<20, 4)
	for _, c := range []struct {
		size int64
		most int
	}{{5 << 20, MaxPieces}, {1 << 20, 7}} {
		total, last := 0, 0
		n, err := List(bytes.NewReader(old), c.size, 12, c.most, func() func() { return func() {} }, func(p []framing.Piece, end bool) error {
			total += len(p)
			if end {
				last++
			}
			return nil
		})
		if err != nil || n != total || last != 1 || n > c.most {
			t.Errorf("%v: %d pieces, told were %d, %d times the last: %v", c, n, total, last, err)
		}
	}
}

// What is read by slabs is cut as in one piece, wherever the file ends.
func TestListCutsAsAWhole(t *testing.T) {
	content, c := random(5*readAhead/2, 5), newCutter()
	for _, level := range []uint8{framing.MinLevel, framing.MaxLevel} {
		for _, n := range []int{0, 1, readAhead - 1, readAhead, readAhead + 1, 2 * readAhead, len(content)} {
			var want, got []int
			for rest := content[:n]; len(rest) > 0; {
				length := c.cut(rest, level)
				want, rest = append(want, length), rest[length:]
			}
			for _, size := range []int64{int64(n), int64(n) + 3*readAhead} { // it may be shorter by now
				got = got[:0]
				_, err := List(bytes.NewReader(content[:n]), size, level, MaxPieces, func() func() { return func() {} }, func(p []framing.Piece, _ bool) error {
					for _, piece := range p {
						got = append(got, int(piece.Length))
					}
					return nil
				})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("level %d, %d of %d bytes: %d pieces, want %d, %v", level, n, size, len(got), len(want), err)
				}
			}
		}
	}
}

// FuzzCross: whatever the files are, what comes out is what was sent.
func FuzzCross(f *testing.F) {
	f.Add(uint64(1), uint32(100), uint32(5000), []byte("in between"), uint32(7))
	f.Add(uint64(2), uint32(0), uint32(0), []byte{}, uint32(1<<19))
	f.Fuzz(func(t *testing.T, seed uint64, from, cut uint32, add []byte, at uint32) {
		old := random(1<<20+int(seed%(1<<19)), seed)
		a := min(int(from), len(old))
		b := min(a+int(cut%(1<<20)), len(old))
		now := slices.Concat(old[:a], old[b:])
		i := min(int(at), len(now))
		now = slices.Concat(now[:i], add, now[i:])
		if got, _ := cross(t, old, now, 12); !bytes.Equal(got, now) {
			t.Error("another content came out")
		}
	})
}

func BenchmarkCut(b *testing.B) {
	c, old := newCutter(), random(16<<20, 1)
	b.SetBytes(int64(len(old)))
	for b.Loop() {
		for left := old; len(left) > 0; {
			left = left[c.cut(left, 15):]
		}
	}
}

func BenchmarkList(b *testing.B) {
	old := random(16<<20, 1)
	b.SetBytes(int64(len(old)))
	for b.Loop() {
		_, _ = List(bytes.NewReader(old), int64(len(old)), 15, MaxPieces, func() func() { return func() {} }, func([]framing.Piece, bool) error { return nil })
	}
}
