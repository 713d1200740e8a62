package receive

import (
	"sync"

	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// growth counts what is announced, for whoever considers the offer: the sender's walk goes
// on meanwhile, as far as the window before ACCEPT allows. It keeps sums and no names.
//
// The reader of stream 0 calls count and walked, any goroutine calls now.
type growth struct {
	news chan transfer.Extent // capacity 1: the newest sum that nobody has taken; closed by walked

	mu  sync.Mutex
	sum transfer.Extent
}

func newGrowth() *growth { return &growth{news: make(chan transfer.Extent, 1)} }

// count takes in the entries of one frame.
func (g *growth) count(entries []*tree.Entry) {
	g.mu.Lock()
	for _, e := range entries {
		switch e.Kind {
		case tree.File, tree.HardLink:
			g.sum.Files++
		case tree.Folder:
			g.sum.Folders++
		case tree.Root: // stands there already
		default:
			g.sum.Others++
		}
		g.sum.Bytes = flow.Plus(g.sum.Bytes, max(e.Size, 0))
	}
	g.tell()
}

// walked notes that nothing more is announced.
func (g *growth) walked() {
	g.mu.Lock()
	g.sum.Whole = true
	g.tell()
	close(g.news)
}

// tell replaces the news. It is called with mu, which it gives up. It never waits: nobody
// else puts news.
func (g *growth) tell() {
	sum := g.sum
	g.mu.Unlock()
	select {
	case <-g.news:
	default:
	}
	g.news <- sum
}

// now is what was announced so far.
func (g *growth) now() transfer.Extent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sum
}
