package checksum

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// walk lists the files to hash. Its goroutine closes both channels when it ends;
// every batch goes to ordered first, which bounds how far the walk runs ahead,
// and then to tasks.
type walk struct {
	recurse bool
	done    <-chan struct{}
	ordered chan *batch
	tasks   chan *batch
	open    *batch // in ordered already, not yet in tasks
}

func (w *walk) run(paths []string) {
	defer close(w.ordered)
	defer close(w.tasks)
	stdin := false
	for _, p := range paths {
		it := item{path: filepath.ToSlash(p)}
		switch {
		case p == "-" && stdin:
			it.err = errStdinTwice
		case p == "-":
			it.stdin, stdin = true, true
		default:
			info, err := os.Stat(p)
			switch {
			case err != nil:
				it.err = err
			case info.IsDir() && !w.recurse:
				it.err = ErrFolder
			case info.IsDir():
				if !w.folder(it.path) {
					return
				}
				continue
			default:
				it.pipe = info.Mode()&fs.ModeNamedPipe != 0
			}
		}
		if !w.add(it) {
			return
		}
	}
	if w.open != nil {
		w.hand(true)
	}
}

// folder lists one folder and those in it, one open at a time. Names are sorted,
// so those of one folder, and of the folders above it, are in memory at once. It
// is false when the walk has to stop, as add is.
func (w *walk) folder(path string) bool {
	select {
	case <-w.done:
		return false
	default:
	}
	entries, err := os.ReadDir(path)
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, e := range entries {
		child := prefix + e.Name()
		switch {
		case e.IsDir():
			if !w.folder(child) {
				return false
			}
			continue
		case e.Type()&fs.ModeSymlink != 0:
			continue
		}
		it := item{path: child, inTree: true}
		if !e.Type().IsRegular() {
			it.err = ErrNotRegular
		}
		if !w.add(it) {
			return false
		}
	}
	if err != nil {
		return w.add(item{path: path, err: err})
	}
	return true
}

// add puts an item in line, and hands over the batch when it is full or a worker
// waits for one.
func (w *walk) add(it item) bool {
	if w.open == nil {
		b := newBatch()
		select {
		case w.ordered <- b:
			w.open = b
		case <-w.done:
			return false
		}
	}
	w.open.items = append(w.open.items, it)
	return w.hand(len(w.open.items) == batchFiles)
}

func (w *walk) hand(wait bool) bool {
	if !wait {
		select {
		case w.tasks <- w.open:
			w.open = nil
		default:
		}
		return true
	}
	select {
	case w.tasks <- w.open:
		w.open = nil
		return true
	case <-w.done:
		return false
	}
}
