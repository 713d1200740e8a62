package send

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// A chunk may be asked for twice, once by each side: then the file can be parked
// between the asking and the reading, and still has to be readable.
func TestReadOfParkedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	content := bytes.Repeat([]byte("0123456789abcdef"), 3*checksum.ChunkSize/32)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	dirs := tree.NewDirs(4)
	defer dirs.Close()
	var o outFile
	walk := tree.Walk{Dirs: dirs, Sources: []tree.Source{{Path: path, Name: "large"}}}
	if err := walk.Run(t.Context(), func(it *tree.Item) error { o.entry = &outEntry{item: it}; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := o.begin(0); err != nil {
		t.Fatal(err)
	}
	o.park()
	buf := make([]byte, checksum.ChunkLen(int64(len(content)), 1))
	stale, err := o.read(0, 1, buf)
	if stale || err != nil || !bytes.Equal(buf, content[checksum.ChunkSize:]) {
		t.Errorf("stale: %v, %v", stale, err)
	}
	if err := os.WriteFile(path, content[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if stale, err := o.read(0, 0, buf); stale || err != io.EOF {
		t.Errorf("of another version: stale: %v, %v", stale, err)
	}
	o.close()
	if stale, _ := o.read(0, 1, buf); !stale {
		t.Error("a read after the end is not stale")
	}
}
