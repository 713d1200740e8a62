package checksum

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
)

// walk lists the files to hash. Its goroutine closes both channels when it ends;
// every batch goes to ordered first, which bounds how far the walk runs ahead,
// and then to tasks.
type walk struct {
	recurse bool
	noPipes bool
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
			info, err := statPath(p)
			switch {
			case err != nil:
				it.err = err
			case w.noPipes && info.Mode()&fs.ModeNamedPipe != 0:
				it.err = ErrNotRegular
			case info.IsDir() && !w.recurse:
				it.err = errFolder
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

// folder lists one folder and those in it. It is false when the walk has to stop, as
// add is.
func (w *walk) folder(path string) bool {
	return eachIn(path, w.done, func(child string, e fs.DirEntry, err error) bool {
		it := item{path: child, inTree: true, err: err}
		if err == nil && !e.Type().IsRegular() {
			it.err = ErrNotRegular
		}
		return w.add(it)
	})
}

// Walk calls visit for each file that Files would hash in the folder path, and for
// what cannot be read there, with err set. It ends with the first error of visit, or
// that of ctx.
func Walk(ctx context.Context, path string, visit func(path string, err error) error) error {
	var failed error
	eachIn(path, ctx.Done(), func(child string, e fs.DirEntry, err error) bool {
		if err == nil && !e.Type().IsRegular() {
			return true
		}
		failed = visit(child, err)
		return failed == nil
	})
	if failed == nil {
		failed = ctx.Err()
	}
	return failed
}

// eachIn calls visit for what is in a folder and in those below it, but for folders
// and links; with err for a folder of which the names cannot be read. One folder is
// open at a time. Names are sorted, so those of one folder, and of the folders above
// it, are in memory at once. It stops, and is false, when visit is or done is closed.
func eachIn(path string, done <-chan struct{}, visit func(path string, e fs.DirEntry, err error) bool) bool {
	select {
	case <-done:
		return false
	default:
	}
	entries, err := readFolder(path)
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, e := range entries {
		switch child := prefix + e.Name(); {
		case e.IsDir():
			if !eachIn(child, done, visit) {
				return false
			}
		case e.Type()&fs.ModeSymlink != 0:
		case !visit(child, e, nil):
			return false
		}
	}
	return err == nil || visit(path, nil, err)
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
