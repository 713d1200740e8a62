//go:build unix

package checksum

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// wakeInterval is how often a cancel is repeated to an open that waits.
const wakeInterval = 10 * time.Millisecond

// open opens an item for reading. In a tree it neither follows a link nor waits
// for the writer of a pipe that has taken a file's place since the walk.
func open(ctx context.Context, it item) (*os.File, error) {
	switch it.kind {
	case itemInTree:
		return openPath(it.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK)
	case itemPipe:
		return openPipe(ctx, it.path)
	}
	return openPath(it.path, os.O_RDONLY)
}

// openPipe waits for a writer, since without one a pipe reads as empty, or for
// the end of ctx.
func openPipe(ctx context.Context, path string) (*os.File, error) {
	opened := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { wake(ctx, path, opened) })
	f, err := os.Open(path)
	close(opened)
	wg.Wait()
	return f, err
}

// wake waits for the end of ctx and then opens the pipe for writing for an instant,
// which lets an open for reading go on. It repeats that until opened is closed, because
// the open may start to wait only after the first try.
func wake(ctx context.Context, path string, opened <-chan struct{}) {
	select {
	case <-opened:
		return
	case <-ctx.Done():
	}
	tick := time.NewTicker(wakeInterval)
	defer tick.Stop()
	for {
		if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
		select {
		case <-opened:
			return
		case <-tick.C:
		}
	}
}
