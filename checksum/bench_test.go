package checksum

import (
	"fmt"
	"os"
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

func BenchmarkFiles(b *testing.B) {
	for _, c := range []struct {
		name        string
		files, size int
	}{
		{"1x256MiB", 1, 256 << 20},
		{"100x2MiB", 100, 2 << 20},
		{"2000x4KiB", 2000, 4 << 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			for i := range c.files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, c.size), 0o666); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(c.files) * int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				err := Files(b.Context(), []string{dir}, FilesOptions{Recurse: true}, nil, func(f File) error { return f.Err })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
