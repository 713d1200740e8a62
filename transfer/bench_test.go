package transfer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// benchDir is a folder in memory where the system has one, so that the disk is
// not what is measured.
func benchDir(b *testing.B) string {
	b.Helper()
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = ""
	}
	dir, err := os.MkdirTemp(base, "ferry-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func benchCopy(b *testing.B, src, dst string) {
	for b.Loop() {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := local.Copy(b.Context(), local.Options{Send: send.Options{Sources: deliverytest.Contents(src)}, Receive: receive.Options{Destination: d}}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(dst); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// The protocol over loopback TCP, encrypted, both sides in this process.
func BenchmarkCopyLarge(b *testing.B) {
	dir := benchDir(b)
	const size = 512 << 20
	if err := os.MkdirAll(filepath.Join(dir, "src"), 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "src", "large"))
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for i := range size >> 20 {
		for k := range chunk {
			chunk[k] = byte(k*7 + i*13 + k>>8)
		}
		if _, err := f.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	benchCopy(b, filepath.Join(dir, "src"), filepath.Join(dir, "dst"))
}

func BenchmarkCopySmall(b *testing.B) {
	dir := benchDir(b)
	const files = 10_000
	content := make([]byte, 3<<10)
	for i := range files {
		sub := filepath.Join(dir, "src", fmt.Sprint(i/200))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	benchCopy(b, filepath.Join(dir, "src"), filepath.Join(dir, "dst"))
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}
