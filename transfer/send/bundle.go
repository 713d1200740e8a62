package send

import (
	"sync/atomic"

	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// bundle is small files that were announced one after another. If all of them are asked for
// they go in one pack: so deliveries of the same sources make the same packs, and can share
// them. The goroutine walk fills it, feed counts what is in it.
type bundle struct {
	files  atomic.Int32
	closed atomic.Bool // no more files come
}

// whole tells whether n files are all of it.
func (b *bundle) whole(n int) bool { return b.closed.Load() && int(b.files.Load()) == n }

// bundler assigns files to bundles, in the order of the walk.
type bundler struct {
	now   *bundle // nil: nothing is shared, or no file came yet
	bytes int64   // of now
}

// add assigns a file to its bundle.
func (b *bundler) add(e *entry) {
	if e.item.Kind != tree.File || e.item.Size > flow.PackLimit {
		return
	}
	if b.now != nil && (b.now.files.Load() == packFiles || b.bytes+e.item.Size > packBytes) {
		b.close()
	}
	if b.now == nil {
		b.now, b.bytes = new(bundle), 0
	}
	b.now.files.Add(1)
	b.bytes += e.item.Size
	e.bundle = b.now
}

// close ends the bundle at hand.
func (b *bundler) close() {
	if b.now != nil {
		b.now.closed.Store(true)
		b.now = nil
	}
}
