package dest

import (
	"fmt"
	"os"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// BenchmarkSmallFiles delivers files of 4 KiB, 200 a folder, published by the
// thousand. FERRY_BENCH_DIR says where, say on a tmpfs.
func BenchmarkSmallFiles(b *testing.B) {
	dir, err := os.MkdirTemp(os.Getenv("FERRY_BENCH_DIR"), "ferry-bench")
	must(b, err)
	defer os.RemoveAll(dir)
	f, err := start(dir, Options{}, tree.Metadata{})
	must(b, err)
	defer f.Close()
	data := content(4096, 1)
	digest := checksum.Sum(data)
	var batch []*storage.Publication
	var folders []uint64
	flush := func() {
		publish(b, f, batch...)
		for _, id := range folders {
			must2(b)(f.FinishFolder(folderEntry(id, 0, "")))
		}
		batch, folders = batch[:0], folders[:0]
	}
	b.ReportAllocs()
	b.ResetTimer()
	var id uint64
	for i := range b.N {
		if i%200 == 0 {
			if len(batch) == 1000 {
				flush()
			}
			id++
			_, err := f.MakeFolder(folderEntry(id, 0, fmt.Sprint(id)))
			must(b, err)
			folders = append(folders, id)
		}
		e := fileEntry(fmt.Sprint(i), len(data))
		e.Parent = id
		if _, err := f.Stat(e); err == nil {
			b.Fatal("it is there already")
		}
		p, err := f.Begin(e)
		must(b, err)
		must(b, put(p, data))
		must(b, p.Seal(e, e.Size, digest))
		batch = append(batch, &storage.Publication{Partial: p, Entry: e})
	}
	flush()
	finish(b, f)
}

// BenchmarkLargeFile writes one file of b.N chunks, synced.
func BenchmarkLargeFile(b *testing.B) {
	dir, err := os.MkdirTemp(os.Getenv("FERRY_BENCH_DIR"), "ferry-bench")
	must(b, err)
	defer os.RemoveAll(dir)
	f, err := start(dir, Options{}, tree.Metadata{})
	must(b, err)
	defer f.Close()
	data := content(chunk, 1)
	b.SetBytes(chunk)
	b.ReportAllocs()
	b.ResetTimer()
	e := fileEntry("large", (b.N+2)*chunk)
	p, err := f.Begin(e)
	must(b, err)
	for i := range checksum.Chunks(e.Size) {
		must(b, p.WriteChunk(i, data, checksum.CV{1}))
	}
	must(b, p.Seal(e, e.Size, checksum.Digest{}))
	publish(b, f, &storage.Publication{Partial: p, Entry: e})
	finish(b, f)
}
