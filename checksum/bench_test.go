package checksum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func BenchmarkSum(b *testing.B)     { benchmarkSizes(b, func(p []byte) { Sum(p) }) }
func BenchmarkNewNode(b *testing.B) { benchmarkSizes(b, func(p []byte) { NewNode(p, 1).CV() }) }

func benchmarkSizes(b *testing.B, hash func([]byte)) {
	for _, size := range []int{4 << 10, 16 << 10, 64 << 10, ChunkSize} {
		p := make([]byte, size)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				hash(p)
			}
		})
	}
}

// BenchmarkFiles is beside b3sum on the same files. Its own start, which b3sum's
// times contain and ours do not, is a millisecond.
func BenchmarkFiles(b *testing.B) {
	for _, c := range []struct {
		name        string
		files, size int
	}{
		{"1x1GiB", 1, 1 << 30},
		{"100x2MiB", 100, 2 << 20},
		{"20000x4KiB", 20000, 4 << 10},
	} {
		dir := b.TempDir()
		var paths []string
		for i := range c.files {
			path := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(path, make([]byte, c.size), 0o666); err != nil {
				b.Fatal(err)
			}
			paths = append(paths, path)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(c.files) * int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				err := Files(b.Context(), []string{dir}, FilesOptions{Recurse: true}, nil, func(f File) error { return f.Err })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/b3sum", func(b *testing.B) {
			needB3sum(b)
			b.SetBytes(int64(c.files) * int64(c.size))
			for b.Loop() {
				if err := exec.Command("b3sum", paths...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// Many small files at once, as of a source tree: bytes of content a second.
func BenchmarkSums(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var data [][]byte
	var total int64
	for total < 192<<10 {
		n := min(int(3<<10*math.Exp(1.2*random.NormFloat64())), 64<<10)
		data = append(data, randomBytes(byte(n), n))
		total += int64(n)
	}
	out := make([]Digest, len(data))
	b.Run("together", func(b *testing.B) {
		b.SetBytes(total)
		var g Group
		for b.Loop() {
			g.Sums(out, data)
		}
	})
	b.Run("alone", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			for i, p := range data {
				out[i] = Sum(p)
			}
		}
	})
}
