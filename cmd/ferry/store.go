package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/cmd/ferry/confine"
	"ferry/transfer/local"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

// stores opens the places in stores that one command line names, and closes them.
type stores struct {
	ctx     context.Context
	verb    string
	options store.Options
	shows   atomic.Pointer[func(err error, since time.Duration)] // nil until there is a renderer

	mu     sync.Mutex
	opened []io.Closer
}

// storesOf reads the flag about stores. to and from say that items go to a store, or come from
// one; flags that do not go with that are refused.
func storesOf(c *cli.Context, env *Env, to, from bool) (*stores, error) {
	s := &stores{ctx: c.Context, verb: c.Command.Name}
	s.options = store.Options{Endpoint: c.String(endpointFlag), Getenv: env.Getenv, Waiting: s.waits}
	return s, checkStoreFlags(c, to, from)
}

// show has r told from now on how long a store is waited for.
func (s *stores) show(r renderer) {
	if s == nil { // of a message
		return
	}
	if w, can := r.(interface {
		storeWaits(err error, since time.Duration)
	}); can {
		tell := w.storeWaits
		s.shows.Store(&tell)
	}
}

func (s *stores) waits(err error, since time.Duration) {
	if tell := s.shows.Load(); tell != nil {
		(*tell)(err, since)
	}
}

// keep remembers what close has to close.
func (s *stores) keep(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, c)
}

// close lets go of all that was opened. Nothing is written by then, so no error matters.
func (s *stores) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	opened := s.opened
	s.opened = nil
	s.mu.Unlock()
	for _, c := range opened {
		_ = c.Close()
	}
}

// checkPlace refuses a text that begins as a place in a store and is none.
func checkPlace(verb, what, place string) error {
	if err := store.Check(place); err != nil {
		return usagef(verb, "%s %v", what, err)
	}
	return nil
}

// depot is a place in a store where items land.
type depot struct {
	*stores
	*store.Store // nil until it is open
}

// open finds the place, once.
func (d *depot) open(place string) (err error) {
	if d.Store != nil {
		return nil
	}
	if d.Store, err = store.Open(d.ctx, place, d.options); err != nil {
		return storeError(d.verb, err)
	}
	d.keep(d.Store)
	return nil
}

// lands finds the place for a copy to dest, and which name its one item gets there, "" if that
// is its own.
func (d *depot) lands(dest string, single bool) (name string, err error) {
	if d.Store, name, err = store.Lands(d.ctx, dest, single, d.options); err != nil {
		return "", storeError(d.verb, err)
	}
	d.keep(d.Store)
	return name, nil
}

// destination opens it for one delivery, or for a dry run.
func (d *depot) destination(o local.FolderOptions, dry bool) (dst storage.Destination, err error) {
	options := store.DestinationOptions{VerifyDisk: o.VerifyDisk}
	if dry {
		dst, err = d.Rehearsal(options)
	} else {
		dst, err = d.Destination(options)
	}
	if err != nil {
		return nil, storeError(d.verb, err)
	}
	return dst, nil
}

// needs adds the way to the store.
func (d *depot) needs(s *confine.Set) {
	n := d.Needs()
	s.Connects, s.Reads = append(s.Connects, n.Port), append(s.Reads, n.Files...)
	s.AnyPort = s.AnyPort || n.AnyPort
	if n.Resolves {
		s.Resolver()
	}
}

// storeError is an error of a store that ends the command, with its exit code. What is no
// answer of a store, as an endpoint that is no URL, is an error of the command line.
func storeError(verb string, err error) error {
	e := &exitError{exit: exitDestination, err: err}
	switch store.FaultOf(err) {
	case store.Refused:
		e.exit, e.word, e.hint = exitRefused, "credentials", "ferry help s3 says where credentials come from"
	case store.NoBucket:
		e.word = "no-bucket"
	case store.Away:
		e.word = "store-away"
	case store.NoFault:
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return usagef(verb, "%v", err)
	}
	return e
}

// inPlace is a path of slashes below a place, which may be a folder here.
func inPlace(place, path string) string {
	if store.Is(place) {
		return strings.TrimRight(place, "/") + "/" + path
	}
	return filepath.Join(place, path)
}
