package checksum

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
)

// walk lists the files to hash, in a goroutine of its own, which closes both channels
// when it ends. Every batch goes to ordered first, which bounds how far the walk runs
// ahead, and then to tasks.
type walk struct {
	recurse bool
	noPipes bool
	done    <-chan struct{}
	ordered chan *batch
	tasks   chan *batch
	open    *batch // sent to ordered, not yet to tasks; nil: none
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
			it.kind, stdin = itemStdin, true
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
			case info.Mode()&fs.ModeNamedPipe != 0:
				it.kind = itemPipe
			default:
				it.kind = itemNamed
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

// folder adds what is in a folder and in the folders below it. It returns false if the
// walk has to stop, as add does.
func (w *walk) folder(path string) bool {
	return eachIn(path, w.done, func(child string, e fs.DirEntry, err error) bool {
		switch {
		case err != nil:
			return w.add(item{path: child, err: err})
		case !e.Type().IsRegular():
			return w.add(item{path: child, err: ErrNotRegular})
		}
		return w.add(item{path: child, kind: itemInTree})
	})
}

// Walk calls visit for each file that Files would hash in the folder path, and with err
// set for what cannot be read there. It ends with the first error of visit, or the
// error of ctx.
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

// eachIn calls visit for what is in a folder and in the folders below it, but for
// folders and links. If the names of a folder cannot be read, visit gets the error. One
// folder is open at a time. Names are sorted, so the names of one folder, and of the
// folders above it, are in memory at once. eachIn stops and returns false when visit
// does or done is closed.
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
// waits for one. It returns false if the walk has to stop.
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

// hand gives the open batch to a worker; without wait only to an idle one.
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
