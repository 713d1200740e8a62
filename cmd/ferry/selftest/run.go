package selftest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Config says what is tried and where.
type Config struct {
	// Program is the path of the ferry that is tried.
	Program string
	// Env is the environment of its processes, as in os.Environ. What ferry itself reads
	// there must not be in it.
	Env []string
	// Dir is the folder to try, "" for the system's temporary one.
	Dir string
	// Patience is how long one side may take to end after the other; 0 for a default that
	// suits slow disks.
	Patience time.Duration
	// SizeText writes a number of bytes for people.
	SizeText func(int64) string
	// Begin is called once there is a folder, and Tell as each trial ends, in the order of
	// the rows. Both are called by the goroutine that called Run.
	Begin func(Place)
	Tell  func(Row)
}

// Place is where it is tried.
type Place struct {
	Folder   string // of this run
	Need     int64  // bytes that it takes at most
	InMemory bool   // and not on a disk, as far as is known
}

// Status is what came of a trial.
type Status string

// The words of --json.
const (
	Held     Status = "held"
	Failed   Status = "failed"
	NotTried Status = "not_tried"
)

// Row is one line of the table.
type Row struct {
	Name   string // a few words, the same in each run
	Status Status
	Detail string // what was counted, what failed, or why it was not tried
	Took   time.Duration
}

// PlaceError says that the folder to try cannot be written.
type PlaceError struct{ Err error }

func (e *PlaceError) Error() string { return e.Err.Error() }
func (e *PlaceError) Unwrap() error { return e.Err }

// notTried is the error of a trial that cannot be played here.
type notTried string

func (n notTried) Error() string { return string(n) }

// defaultPatience is far beyond what a side needs once the other has ended.
const defaultPatience = 20 * time.Second

// longest bounds one trial on the slowest disk.
const longest = 10 * time.Minute

// Run plays all trials. kept is the folder that stays for a look at it, "" if none does.
// The error is a PlaceError, or the cause of ctx; that trials failed is only in the rows.
func Run(ctx context.Context, c Config) (kept string, err error) {
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	folder, err := settle(c.Dir)
	if err != nil {
		return "", &PlaceError{err}
	}
	failed := false
	defer func() {
		if failed && err == nil {
			kept = folder
			return
		}
		if cerr := remove(folder); cerr != nil && err == nil {
			kept = folder
		}
	}()
	c.Begin(Place{Folder: folder, Need: need(), InMemory: inMemory(folder)})
	source := &source{dir: filepath.Join(folder, "source")}
	if err := source.plant(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", cause
		}
		return "", &PlaceError{err}
	}
	for row := range c.play(ctx, folder, source) {
		if context.Cause(ctx) != nil {
			continue // it did not fail of itself
		}
		failed = failed || row.Status == Failed
		c.Tell(row)
	}
	return "", context.Cause(ctx)
}

// settle makes the folder of this run in dir.
func settle(dir string) (string, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", &fs.PathError{Op: "open", Path: dir, Err: errors.New("is no folder")}
	}
	if free, ok := freeBytes(dir); ok && free < need() {
		return "", &noRoom{dir: dir, need: need(), free: free}
	}
	return os.MkdirTemp(dir, "ferry-selftest-")
}

// noRoom says that a disk is too small or too full.
type noRoom struct {
	dir        string
	need, free int64
}

func (n *noRoom) Error() string {
	return fmt.Sprintf("%q has %d MiB free, and %d MiB are needed for a while", n.dir, n.free>>20, n.need>>20)
}

// Unwrap lets it pass for the error of a disk that is full.
func (n *noRoom) Unwrap() error { return syscall.ENOSPC }

// play starts all trials and yields their rows in order. It returns once all of them have
// ended, and the sources were looked at.
func (c *Config) play(ctx context.Context, folder string, source *source) func(func(Row) bool) {
	return func(yield func(Row) bool) {
		all := trials()
		rows := make([]chan Row, len(all))
		var running sync.WaitGroup
		defer running.Wait()
		for i, t := range all {
			rows[i] = make(chan Row, 1)
			running.Go(func() {
				rows[i] <- c.one(ctx, t, filepath.Join(folder, t.folder), source)
			})
		}
		for _, row := range rows {
			if !yield(<-row) {
				return
			}
		}
		yield(c.one(ctx, trial{name: "the sources", play: sourcesStay}, folder, source))
	}
}

// one plays one trial and says what came of it.
func (c *Config) one(ctx context.Context, t trial, dir string, source *source) Row {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not over after %v", longest))
	defer cancel()
	b := &bench{Config: c, dir: dir, source: source}
	detail, err := b.try(ctx, t)
	b.close()
	row := Row{Name: t.name, Status: Held, Detail: detail, Took: time.Since(began)}
	var not notTried
	switch {
	case errors.As(err, &not):
		row.Status, row.Detail = NotTried, string(not)
	case err != nil:
		row.Status, row.Detail = Failed, err.Error()
	}
	return row
}

// remove takes a folder away, and folders in it that deny that.
func remove(folder string) error {
	err := os.RemoveAll(folder)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil // RemoveAll finds what is still wrong
	})
	return os.RemoveAll(folder)
}
