package checksum

import (
	"math/rand/v2"
	"testing"
)

// Every size that a file beside others can have, in any company and order.
func TestSumsAgreeWithTheOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	p := randomBytes(11, 300<<10)
	var data [][]byte
	for n := 0; n <= 70<<10; n += 1 + n/7 {
		for _, more := range []int{0, 1, 63, 64} {
			from := random.IntN(len(p) - n - more)
			data = append(data, p[from:from+n+more])
		}
	}
	for n := range 200 {
		data = append(data, p[n:2*n], p[:n*64], p[5:5+n*1024%(18<<10)])
	}
	data = append(data, nil, p[:groupLeaves<<10], p[1:groupLeaves<<10+1], p, p[:0])
	var g Group
	for round := range 3 {
		out := make([]Digest, len(data))
		g.Sums(out, data)
		for i, q := range data {
			if want := oracle(q); out[i] != want {
				t.Fatalf("round %d: %d of %d, of %d bytes: %v, want %v", round, i, len(data), len(q), out[i], want)
			}
		}
		random.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
	}
	for n := range 40 {
		out := make([]Digest, n)
		g.Sums(out, data[:n])
		for i, q := range data[:n] {
			if want := oracle(q); out[i] != want {
				t.Fatalf("%d of %d, of %d bytes: %v, want %v", i, n, len(q), out[i], want)
			}
		}
	}
}

// The kernel reads whole blocks: nothing of that shows, and nothing is written.
func TestSumsIgnoreWhatIsBehind(t *testing.T) {
	p := randomBytes(12, 8<<10)
	kept := append([]byte(nil), p...)
	var data [][]byte
	for n := range 40 {
		data = append(data, p[100*n:100*n+3*n])
	}
	out := make([]Digest, len(data))
	new(Group).Sums(out, data)
	for i := range data {
		clear(p)
		copy(p[100*i:], kept[100*i:100*i+3*i])
		alone := make([]Digest, 1)
		new(Group).Sums(alone, data[i:i+1])
		if copy(p, kept); alone[0] != out[i] {
			t.Errorf("%d bytes: what is around them changes the digest", len(data[i]))
		}
	}
}
