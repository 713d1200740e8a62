package checksum

import (
	"flag"
	"fmt"
	"testing"

	"ferry/framing/vector"
)

var update = flag.Bool("update", false, "write the vectors of testdata/chunks again")

// The vectors that PROTOCOL.md, section 10, describes: what a second implementation
// has to make of chunks, roots and the digest of a receipt.
const (
	chunkVectors  = "../testdata/chunks/chunks.txt"
	digestVectors = "../testdata/chunks/digest.txt"
)

// pattern is the content of the vectors: byte i is (i + seed) mod 251.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((i + seed) % 251)
	}
	return b
}

// chunkStanza makes a vector of a file of n bytes: the CV of each chunk, one after
// another, and the root. A second pair of eyes on CVs is vectors_test.go, which has
// the roots of BLAKE3's own vectors.
func chunkStanza(n, seed int) (s vector.Stanza, err error) {
	content := pattern(n, seed)
	var cvs []byte
	whole := NewTree(int64(n))
	for i := range Chunks(int64(n)) {
		part := content[i*ChunkSize:][:ChunkLen(int64(n), i)]
		cv := NewNode(part, i).CV()
		cvs = append(cvs, cv[:]...)
		if err := whole.Set(i, Check(part, i, n <= ChunkSize)); err != nil {
			return s, err
		}
	}
	root, err := whole.Root()
	if err != nil {
		return s, err
	}
	if root != Sum(content) {
		return s, fmt.Errorf("the chunks of %d bytes do not give the root of the whole", n)
	}
	s.Add("name", fmt.Sprintf("%d bytes, seed %d", n, seed))
	s.AddNumber("length", uint64(n))
	s.AddNumber("seed", uint64(seed))
	s.AddBytes("cvs", cvs)
	s.AddBytes("root", root[:])
	return s, nil
}

func TestChunkVectors(t *testing.T) {
	const chunk = ChunkSize
	var all []vector.Stanza
	for _, n := range []int{0, 1, 64, 65, 1023, 1024, 1025, 2048, 2049, 3073, 65536, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 3*chunk + 5, 5 * chunk} {
		s, err := chunkStanza(n, n%7)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	compare(t, chunkVectors, "Content, the chaining values of its chunks and its root.\nByte i of the content is (i + seed) mod 251.\n", all)
}

func TestDigestVectors(t *testing.T) {
	var all []vector.Stanza
	var set Sumset
	add := func(name string, id, size uint64, root Digest) {
		var s vector.Stanza
		s.Add("name", name)
		s.AddNumber("id", id)
		s.AddNumber("size", size)
		s.AddBytes("root", root[:])
		set.Add(id, size, root)
		sum := set.Sum()
		s.AddBytes("digest", sum[:])
		all = append(all, s)
	}
	add("an empty file", 1, 0, Sum(nil))
	add("and one of 5 bytes", 2, 5, Sum(pattern(5, 0)))
	add("and one with large numbers", 1<<63-1, 1<<63-1, Sum(pattern(1, 250)))
	for i := range uint64(8) {
		add(fmt.Sprintf("and number %d, so that the sum overflows", i), 100+i, i, Sum(pattern(int(i), 9)))
	}
	compare(t, digestVectors, "Files, and the digest of a receipt over them and all before them.\n", all)
}

// compare holds all against the file at path, or writes that with -update.
func compare(t *testing.T, path, comment string, all []vector.Stanza) {
	t.Helper()
	if *update {
		if err := vector.Write(path, comment, all); err != nil {
			t.Fatal(err)
		}
	}
	want, err := vector.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(all) {
		t.Fatalf("%s has %d vectors, made were %d", path, len(want), len(all))
	}
	for i := range all {
		if !all[i].Equal(&want[i]) {
			t.Errorf("%s: vector %d is %v, made was %v", path, i, want[i], all[i])
		}
	}
}
