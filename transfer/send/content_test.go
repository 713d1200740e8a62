package send

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"ferry/checksum"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A file whose entry is settled while feed waits to open it takes no slot.
func TestSlotOfASettledFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := content{slots: flow.NewGauge(t.Context(), 0)}
		took := make(chan error)
		go func() { took <- c.takeSlot(2 * checksum.ChunkSize) }()
		synctest.Wait()
		c.end()
		c.slots.Give(1)
		if err := <-took; err != nil {
			t.Fatal(err)
		}
		c.end() // as releaseAll does
		if !c.slots.Try(1) {
			t.Error("the slot is lost")
		}
	})
}

// A chunk may be asked for twice, once by each side: then the file can be parked
// between the asking and the reading, and still has to be readable.
func TestReadOfParkedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	whole := bytes.Repeat([]byte("0123456789abcdef"), 3*checksum.ChunkSize/32)
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	dirs := tree.NewDirs(4)
	defer dirs.Close()
	var c content
	walk := tree.Walk{Dirs: dirs, Sources: []tree.Source{{Path: path, Name: "large"}}}
	if err := walk.Run(t.Context(), func(it *tree.Item) error {
		c = content{entry: &entry{item: it}, source: storage.OfItem(it), slots: flow.NewGauge(t.Context(), 1)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.takeSlot(int64(len(whole))); err != nil {
		t.Fatal(err)
	}
	a, err := c.begin(0)
	if err != nil {
		t.Fatal(err)
	}
	c.park()
	if err := c.takeSlot(int64(len(whole))); err != nil {
		t.Fatal(err) // of the one slot that there is
	}
	buf := make([]byte, checksum.ChunkLen(int64(len(whole)), 1))
	stale, err := c.fill(a, checksum.ChunkSize, buf)
	if stale || err != nil || !bytes.Equal(buf, whole[checksum.ChunkSize:]) {
		t.Errorf("stale: %v, %v", stale, err)
	}
	if err := os.WriteFile(path, whole[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if stale, err := c.fill(a, 0, buf); stale || err != io.EOF {
		t.Errorf("of another version: stale: %v, %v", stale, err)
	}
	c.end()
	if !c.slots.Try(1) {
		t.Error("the end gives no slot back")
	}
	if stale, _ := c.fill(a, checksum.ChunkSize, buf); !stale {
		t.Error("a read after the end is not stale")
	}
}
