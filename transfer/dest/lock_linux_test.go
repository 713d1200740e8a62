package dest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// childHold holds the partial of "big", with two chunks, until it is killed.
func childHold(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	b := content(4*chunk, 7)
	p, err := f.Begin(fileEntry("big", len(b)))
	if err != nil {
		return err
	}
	for i := range uint64(2) {
		if err := p.WriteChunk(i, chunkOf(b, i), cvOf(chunkOf(b, i), i)); err != nil {
			return err
		}
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestLockedByAnotherProcessAndTakenOverAfterItsDeath(t *testing.T) {
	dir := t.TempDir()
	cmd := child{do: "hold", dir: dir}.command(t)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	b := content(4*chunk, 7)
	e := fileEntry("big", len(b))
	f := open(t, dir, Options{})
	_, err = f.Begin(e)
	wantKind(t, err, storage.Locked)
	left, err := f.leftovers()
	if err != nil || len(left) != 0 {
		t.Errorf("what another process holds is reported as left over: %v, %v", left, err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	if n := resume(t, f, e, b); n != 2 {
		t.Errorf("%d chunks were reused after kill -9, want 2", n)
	}
	finish(t, f)
	wantNames(t, dir, "big")
	same(t, filepath.Join(dir, "big"), b, e)
}
