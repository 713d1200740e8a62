package checksum

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"sync"
)

// Reasons for which Files gives no digest of something that is there.
var (
	errFolder     = errors.New("is a folder")
	ErrNotRegular = errors.New("not a regular file")
	errChanged    = errors.New("changed while it was read")
	ErrOutput     = errors.New("is where this list goes")
)

// File is one result of Files. Path is the argument, or the argument with the
// names below it, slashes between. Size is in bytes. With Err set, Digest means
// nothing.
type File struct {
	Path   string
	Digest Digest
	Other  []byte // the digest, and Digest is none, where FilesOptions.Kind is not BLAKE3
	Size   int64
	Err    error
}

// FilesOptions say how Files works. The zero value is usable.
type FilesOptions struct {
	Workers int  // files or chunks hashed at once; 0 means as many as there are processors
	Recurse bool // hash what is in folders; without it a folder is a failure
	// NoPipes gives ErrNotRegular for a named pipe, which may never have a writer.
	NoPipes bool
	// Output are the files that the results are written to. If one is met in a folder,
	// no digest of it would hold, and it is reported with ErrOutput.
	Output []fs.FileInfo
	// Kind is that of the digests, and not Either.
	Kind Kind
	// Read is told of bytes that were read. Several goroutines call it, and it must not
	// block. Nil is told nothing.
	Read func(n int)
}

const (
	// batchFiles is how many files a worker takes at once when none is idle, so
	// that handing over costs little next to opening a small file.
	batchFiles = 64
	// lookAhead is how many batches may wait to be hashed and reported. Together with
	// batchFiles it bounds the memory of results that come before their turn.
	lookAhead = 64
)

// Files hashes paths and calls emit for each file, in the order of the
// arguments and, in a folder, in the lexical order of the names. A failure of
// one file is reported in its File and does not stop the others. Files returns
// the first error of emit, the error of ctx when it was cancelled, or nil.
//
// A path that names a link is followed. Inside a folder links are passed over, and
// other items that are no regular files are reported with ErrNotRegular. A named pipe or device is read to its end. The path "-" means
// stdin, and can be given once. A file whose size or modification time
// changes while it is read is a failure. A change that leaves both as they were,
// within one tick of the file system's clock, is not seen. A file that ends before
// its size, as some of a kernel's do, is what can be read.
//
// emit is called from the calling goroutine, so a slow one holds back the rest.
// After a cancel, Files waits for reads under way: a Read of stdin that blocks
// and cannot be given a deadline delays it.
func Files(ctx context.Context, paths []string, o FilesOptions, stdin io.Reader, emit func(File) error) error {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	run, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	w := &walk{
		recurse: o.Recurse,
		noPipes: o.NoPipes,
		done:    run.Done(),
		ordered: make(chan *batch, lookAhead),
		tasks:   make(chan *batch),
	}
	wg.Go(func() { w.run(paths) })
	shared := &sharing{wake: make(chan struct{}, workers)}
	for range workers {
		h := &worker{ctx: run, tasks: w.tasks, shared: shared, stdin: stdin, output: o.Output, kind: o.Kind, read: o.Read}
		wg.Go(h.run)
	}

	for {
		select {
		case <-run.Done():
			return ctx.Err()
		case b, ok := <-w.ordered:
			if !ok {
				return ctx.Err()
			}
			if err := b.emit(ctx, emit); err != nil {
				return err
			}
		}
	}
}

// batch is a run of files, neighbours in the order of reporting. The walk fills
// items and hands the batch to one worker, which sends a result for each item.
type batch struct {
	items   []item
	results chan File // written by the worker alone; room for all, so that it never waits
}

// item is a file to hash or a failure to report.
type item struct {
	path string
	kind itemKind
	err  error // of itemFailed only
}

// itemKind says what becomes of an item.
type itemKind uint8

const (
	itemFailed itemKind = iota // err is reported, nothing is read
	itemStdin                  // standard input is read
	itemNamed                  // a path of the caller's: links are followed
	itemPipe                   // a path of the caller's to a pipe: opening it may wait for a writer
	itemInTree                 // met in a folder: neither a link nor a pipe is wanted
)

func newBatch() *batch {
	return &batch{results: make(chan File, batchFiles)}
}

func (b *batch) emit(ctx context.Context, emit func(File) error) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f, ok := <-b.results:
			if !ok {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := emit(f); err != nil {
				return err
			}
		}
	}
}
