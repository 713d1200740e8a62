package checksum

import (
	"encoding/binary"

	"lukechampine.com/blake3/guts"
)

// Group hashes small files together. Where the wide kernel runs, its lanes hold the
// leaves of different files: a file of 3 KiB alone would leave most lanes empty. A
// Group keeps 26 KiB for that, and belongs to one goroutine. The zero value is usable.
type Group struct {
	nodes        []CV // the nodes of one file stand together
	first, count []int
	lanes        *lanes
}

// groupLeaves is what a Group hashes in one go, in leaves of 1 KiB. Larger files are
// hashed alone.
const groupLeaves = 256

// Sums sets out[i] to the digest of data[i], each the whole content of a file, for
// as many as there are in data.
func (g *Group) Sums(out []Digest, data [][]byte) {
	if !haveEach {
		for i, p := range data {
			out[i] = Sum(p)
		}
		return
	}
	for from := 0; from < len(data); {
		n, leaves := 0, 0
		for _, p := range data[from:] {
			if leaves += leavesOf(p); leaves > groupLeaves {
				break
			}
			n++
		}
		if n == 0 {
			out[from] = Sum(data[from])
			n = 1
		} else {
			g.sum(out[from:from+n], data[from:from+n])
		}
		from += n
	}
}

// leavesOf is the number of leaves of p: one if it is empty.
func leavesOf(p []byte) int { return max(1, (len(p)+leafSize-1)/leafSize) }

// sum hashes level by level through all files. Neighbours are joined in pairs, and a
// node that is left over goes up as it is. That makes the left half of every node a
// power of two, as section 2.1 of the BLAKE3 paper wants it.
func (g *Group) sum(out []Digest, data [][]byte) {
	if g.lanes == nil {
		g.nodes = make([]CV, groupLeaves)
		g.lanes = &lanes{nodes: g.nodes}
	}
	l, nodes := g.lanes, g.nodes
	first, count := g.first[:0], g.count[:0]
	l.start = guts.FlagChunkStart
	used, higher := 0, false
	for _, p := range data {
		n := leavesOf(p)
		for leaf := range n {
			l.addLeaf(p[leaf*leafSize:min((leaf+1)*leafSize, len(p))], leaf, n == 1, used+leaf)
		}
		first, count = append(first, used), append(count, n)
		used += n
		higher = higher || n > 1
	}
	l.run()
	l.start = 0
	for higher {
		higher = false
		for i, n := range count {
			for pair := range n / 2 {
				l.addParent(first[i]+2*pair, first[i]+pair, n == 2)
			}
		}
		l.run()
		for i, n := range count {
			if n%2 == 1 {
				nodes[first[i]+n/2] = nodes[first[i]+n-1]
			}
			count[i] = (n + 1) / 2
			higher = higher || n > 2
		}
	}
	for i := range data {
		out[i] = Digest(nodes[first[i]])
	}
	clear(l.in[:]) // keeps no content alive
	g.first, g.count = first, count
}

// lanes gathers inputs for the kernel, and runs it when every lane has one. The inputs
// of one run are all leaves or all parents, which start with different flags.
type lanes struct {
	nodes []CV
	start uint64
	most  uint32 // blocks
	n     int
	to    [wideWidth]int // in nodes

	in                          [wideWidth]*byte
	counter, blocks, last, ends [wideWidth]uint32
	out                         [8][wideWidth]uint32
	// tails holds the leaves that are not full: the kernel reads whole blocks, and as
	// many of each input as the longest input has.
	tails [wideWidth][leafSize]byte
}

func (l *lanes) addLeaf(p []byte, leaf int, root bool, to int) {
	i := l.n
	blocks := uint32(max(1, (len(p)+guts.BlockSize-1)/guts.BlockSize))
	l.blocks[i], l.last[i] = blocks, uint32(len(p))-(blocks-1)*guts.BlockSize
	l.counter[i], l.ends[i] = uint32(leaf), guts.FlagChunkEnd
	if root {
		l.ends[i] |= guts.FlagRoot
	}
	if len(p) == leafSize {
		l.in[i] = &p[0]
	} else {
		tail := &l.tails[i]
		clear(tail[copy(tail[:], p) : blocks*guts.BlockSize])
		l.in[i] = &tail[0]
	}
	l.add(blocks, to)
}

// addParent joins the nodes at from and after it.
func (l *lanes) addParent(from, to int, root bool) {
	i := l.n
	l.in[i], l.blocks[i], l.last[i], l.counter[i], l.ends[i] = &l.nodes[from][0], 1, guts.BlockSize, 0, guts.FlagParent
	if root {
		l.ends[i] |= guts.FlagRoot
	}
	l.add(1, to)
}

func (l *lanes) add(blocks uint32, to int) {
	l.to[l.n] = to
	l.most = max(l.most, blocks)
	if l.n++; l.n == wideWidth {
		l.run()
	}
}

// run hashes what was gathered.
func (l *lanes) run() {
	if l.n == 0 {
		return
	}
	for i := l.n; i < wideWidth; i++ {
		l.in[i] = &l.tails[i][0] // an unused lane has to read something
	}
	compressEach(&l.out, &l.in, &l.counter, &l.blocks, &l.last, &l.ends, l.start, uint64(l.most))
	for i, to := range l.to[:l.n] {
		for w := range l.out {
			binary.LittleEndian.PutUint32(l.nodes[to][4*w:], l.out[w][i])
		}
	}
	l.n, l.most = 0, 0
}
