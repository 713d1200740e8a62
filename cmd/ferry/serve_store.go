package main

import (
	"context"
	"errors"
	"strings"

	"ferry/transfer/send"
	"ferry/transfer/serve"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

const (
	// storedMemory is what a delivery to a store holds of content: two parts that are on
	// their way.
	storedMemory = 16 << 20
	// servedMemory is what such a delivery takes of --memory.
	servedMemory = storedMemory + serve.LeastMemory
)

// storeRoot is a serve.Root in a store. It keeps nothing: each delivery finds what is there by
// itself, so that several servers may have one root.
type storeRoot struct {
	place   string // s3://bucket/prefix, without a slash at its end
	options store.Options
	verify  bool
}

// openStore checks that the store and the bucket are there.
func openStore(ctx context.Context, place string, o store.Options, verify bool) (*storeRoot, error) {
	if err := store.Check(place); err != nil {
		return nil, usagef("serve", "--root: %v", err)
	}
	r := &storeRoot{place: strings.TrimRight(place, "/"), options: o, verify: verify}
	s, err := store.Open(ctx, place, o)
	if err != nil {
		return nil, storeError("serve", err)
	}
	return r, s.Close()
}

// Place is serve.Root's.
func (r *storeRoot) Place() string { return r.place }

// errNoKeys is told peers, who do not know how the prefix begins.
var errNoKeys = errors.New("a path here is text in UTF-8 without control characters, of some hundred bytes at most")

// Check is serve.Root's.
func (r *storeRoot) Check(path []string) error {
	if store.Check(r.at(path)) != nil {
		return errNoKeys
	}
	return nil
}

func (r *storeRoot) at(path []string) string {
	return strings.Join(append([]string{r.place}, path...), "/")
}

// open opens the place at path.
func (r *storeRoot) open(ctx context.Context, path []string) (*store.Store, error) {
	s, err := store.Open(ctx, r.at(path), r.options)
	return s, store.Placeless(err)
}

// Destination is serve.Root's.
func (r *storeRoot) Destination(ctx context.Context, path []string, owner string) (storage.Destination, error) {
	s, err := r.open(ctx, path)
	if err != nil {
		return nil, err
	}
	d, err := s.Destination(store.DestinationOptions{VerifyDisk: r.verify, Memory: storedMemory, Owner: owner})
	if err != nil {
		return nil, errors.Join(store.Placeless(err), s.Close())
	}
	return storedDelivery{d, s}, nil
}

// Rehearsal is serve.Root's.
func (r *storeRoot) Rehearsal(ctx context.Context, path []string) (storage.Destination, error) {
	s, err := r.open(ctx, path)
	if err != nil {
		return nil, err
	}
	d, err := s.Rehearsal(store.DestinationOptions{Memory: storedMemory})
	if err != nil {
		return nil, errors.Join(store.Placeless(err), s.Close())
	}
	return storedDelivery{d, s}, nil
}

// storedDelivery lets go of the store at its end.
type storedDelivery struct {
	storage.Destination
	store *store.Store
}

// Close is storage.Destination's.
func (d storedDelivery) Close() error { return errors.Join(d.Destination.Close(), d.store.Close()) }

// Sources is serve.Root's. The store is asked once, however much is wished for.
func (r *storeRoot) Sources(ctx context.Context, wishes []serve.Wish, o *send.Options) error {
	s, err := r.open(ctx, nil)
	if err != nil {
		return err
	}
	sources := s.Sources(storedMemory)
	for _, w := range wishes {
		t := sources.Add(strings.Join(w.Path, "/"), w.Asked)
		if w.Contents {
			t.Contents, t.Name = true, ""
		}
		o.Sources = append(o.Sources, send.Source{Source: t})
	}
	context.AfterFunc(ctx, func() { // they are only read
		sources.Close()
		_ = s.Close()
	})
	return nil
}

// Usage is serve.Root's. It lists all that is there.
func (r *storeRoot) Usage(ctx context.Context, path []string) (serve.Usage, error) {
	s, err := r.open(ctx, path)
	if err != nil {
		return serve.Usage{}, err
	}
	files, unfinished, err := s.Size(ctx)
	return serve.Usage{Files: files, Partial: unfinished}, errors.Join(store.Placeless(err), s.Close())
}
