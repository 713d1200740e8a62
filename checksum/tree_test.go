package checksum

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"
	"testing"

	"lukechampine.com/blake3/guts"
)

var treeSizes = []int{
	0, 1, 1023, 1024, 1025, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2 * ChunkSize,
	7 * ChunkSize / 2, 4 * ChunkSize, 10*ChunkSize + 7, 64*ChunkSize + 1,
}

func TestTreeGivesTheStandardDigest(t *testing.T) {
	data := randomBytes(1, 64*ChunkSize+1)
	for _, size := range treeSizes {
		want := oracle(data[:size])
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d,stream=%t", size, stream), func(t *testing.T) {
				tree := NewTree(int64(size))
				if stream {
					tree = NewTree(-1)
				}
				setInParallel(t, tree, data[:size])
				if stream {
					if tree.Complete() {
						t.Error("complete before its size is known")
					}
					if err := tree.Finish(int64(size)); err != nil {
						t.Fatal(err)
					}
				}
				got, err := tree.Root()
				if err != nil || got != want || !tree.Complete() {
					t.Errorf("root %v, %v, complete %t; want %v", got, err, tree.Complete(), want)
				}
			})
		}
	}
}

// setInParallel sets all chunks in random order, half of them as nodes and half
// as check values where that is allowed.
func setInParallel(t *testing.T, tree *Tree, data []byte) {
	t.Helper()
	size := int64(len(data))
	order := random(uint64(size)).Perm(int(Chunks(size)))
	known := tree.size >= 0
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < len(order); i += 4 {
				index := uint64(order[i])
				p := data[index*ChunkSize:][:ChunkLen(size, index)]
				var err error
				if index%2 == 0 && (known || index > 0) {
					err = tree.Set(index, Check(p, index, known && size <= ChunkSize))
				} else {
					err = tree.SetNode(index, NewNode(p, index))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestTreeOfOneChunkFromItsNode(t *testing.T) {
	p := randomBytes(5, 1000)
	for _, size := range []int64{1000, -1} {
		tree := NewTree(size)
		if err := tree.SetNode(0, NewNode(p, 0)); err != nil {
			t.Fatal(err)
		}
		if err := tree.Finish(1000); err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Root(); err != nil || got != oracle(p) {
			t.Errorf("size %d: %v, %v", size, got, err)
		}
	}
}

func TestTreeRefuses(t *testing.T) {
	var cv CV
	set := func(size int64, indexes ...uint64) *Tree {
		tree := NewTree(size)
		for _, i := range indexes {
			if err := tree.SetNode(i, NewNode(nil, 0)); err != nil {
				t.Fatal(err)
			}
		}
		return tree
	}
	const size = 8 * ChunkSize
	for name, c := range map[string]struct {
		err  error
		want error // nil: any
	}{
		"a chunk past the end":              {set(size).Set(8, cv), nil},
		"a chunk past the end as a node":    {set(size).SetNode(8, Node{}), nil},
		"a chunk of an empty file":          {set(0).Set(0, cv), nil},
		"a chunk past any size":             {set(-1).Set(1<<43, cv), nil},
		"the largest index":                 {set(-1).Set(math.MaxUint64, cv), nil},
		"the first CV of a stream":          {set(-1).Set(0, cv), nil},
		"a chunk again":                     {set(size, 5).Set(5, cv), ErrAlreadySet},
		"a merged chunk again":              {set(size, 4, 5, 6, 7).SetNode(5, Node{}), ErrAlreadySet},
		"a negative size":                   {set(-1).Finish(-1), nil},
		"another size":                      {set(size).Finish(size + 1), nil},
		"a size below what is set":          {set(-1, 3).Finish(3 * ChunkSize), nil},
		"the root while chunks are missing": {rootError(set(size, 1, 2)), errIncomplete},
		"the root of an endless stream":     {rootError(set(-1, 0)), errIncomplete},
	} {
		if c.err == nil || c.want != nil && !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

func rootError(t *Tree) error {
	_, err := t.Root()
	return err
}

// A refused value must leave the first one in place.
func TestTreeKeepsTheFirstValue(t *testing.T) {
	data := randomBytes(6, 5*ChunkSize)
	tree := NewTree(int64(len(data)))
	setInParallel(t, tree, data)
	for i := range Chunks(int64(len(data))) {
		if err := tree.Set(i, CV{1}); !errors.Is(err, ErrAlreadySet) {
			t.Fatal(err)
		}
	}
	if got, err := tree.Root(); err != nil || got != oracle(data) {
		t.Error(got, err)
	}
}

// Memory follows the number of runs, whatever the size claimed and the order.
func TestTreeMemory(t *testing.T) {
	const chunks = 1 << 15
	for name, order := range map[string]func(i uint64) uint64{
		"upwards":   func(i uint64) uint64 { return i },
		"downwards": func(i uint64) uint64 { return chunks - 1 - i },
		"two ends": func(i uint64) uint64 {
			if i%2 == 0 {
				return i / 2
			}
			return chunks - 1 - i/2
		},
	} {
		tree := NewTree(math.MaxInt64)
		most := 0
		for i := range uint64(chunks) {
			if err := tree.Set(order(i), CV{byte(i)}); err != nil {
				t.Fatal(err)
			}
			most = max(most, len(tree.merged))
		}
		if most > 4*15 {
			t.Errorf("%s: %d values held at once", name, most)
		}
		for i := range uint64(chunks) + 1 {
			if tree.Has(i) != (i < chunks) {
				t.Errorf("%s: chunk %d is set: %t", name, i, i >= chunks)
			}
		}
	}
}

// FuzzTree compares a Tree with a plain list of CVs: any number of chunks, set in
// any order, some twice, with the size told at first or at last.
func FuzzTree(f *testing.F) {
	f.Add(uint16(1), uint64(1), true)
	f.Add(uint16(2), uint64(2), false)
	f.Add(uint16(3), uint64(3), true)
	f.Add(uint16(64), uint64(4), false)
	f.Add(uint16(1000), uint64(5), true)
	f.Fuzz(func(t *testing.T, chunks uint16, seed uint64, stream bool) {
		n := uint64(chunks)%2048 + 2
		r := random(seed)
		size := int64(n-1)*ChunkSize + 1 + r.Int64N(ChunkSize)
		nodes := make([]Node, n)
		for i := range nodes {
			nodes[i] = Node{guts.Node{Block: [16]uint32{r.Uint32(), uint32(i)}}}
		}
		tree := NewTree(size)
		if stream {
			tree = NewTree(-1)
		}
		set := make([]bool, n+1)
		for _, i := range r.Perm(int(n)) {
			index, probe := uint64(i), r.Uint64N(n)
			if err := tree.SetNode(index, nodes[i]); err != nil {
				t.Fatal(err)
			}
			set[index] = true
			if tree.Has(probe) != set[probe] {
				t.Fatalf("Has(%d) = %t", probe, !set[probe])
			}
			if err := tree.SetNode(index, nodes[i]); !errors.Is(err, ErrAlreadySet) {
				t.Fatalf("setting %d again: %v", index, err)
			}
			want := probe
			for set[want] {
				want++
			}
			if tree.Has(want) {
				t.Fatalf("chunk %d of %d is set", want, n)
			}
		}
		if err := tree.Finish(size); err != nil {
			t.Fatal(err)
		}
		got, err := tree.Root()
		if want := rootOf(listRoot(nodes)); err != nil || got != want {
			t.Fatalf("root of %d chunks: %v, %v; want %v", n, got, err, want)
		}
	})
}

// FuzzDigest takes sizes and orders to the digest of real bytes.
func FuzzDigest(f *testing.F) {
	data := randomBytes(7, 6*ChunkSize)
	f.Add(uint32(0), uint32(0))
	f.Add(uint32(1), uint32(ChunkSize))
	f.Add(uint32(2), uint32(4*ChunkSize+1025))
	f.Fuzz(func(t *testing.T, from, size uint32) {
		p := data[from%ChunkSize:][:size%(5*ChunkSize+1)]
		known, stream := NewTree(int64(len(p))), NewTree(-1)
		setInParallel(t, known, p)
		setInParallel(t, stream, p)
		if err := stream.Finish(int64(len(p))); err != nil {
			t.Fatal(err)
		}
		for _, tree := range []*Tree{known, stream} {
			if got, err := tree.Root(); err != nil || got != oracle(p) {
				t.Fatalf("%d bytes: %v, %v", len(p), got, err)
			}
		}
	})
}

// listRoot is the definition of the tree over a list of at least two chunks.
func listRoot(nodes []Node) guts.Node {
	n := 1 << (bits.Len(uint(len(nodes)-1)) - 1)
	cv := func(s []Node) [8]uint32 {
		if len(s) == 1 {
			return guts.ChainingValue(s[0].n)
		}
		return guts.ChainingValue(listRoot(s))
	}
	return guts.ParentNode(cv(nodes[:n]), cv(nodes[n:]), &guts.IV, 0)
}
