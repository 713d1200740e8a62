//go:build small

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// What is built for small devices, with the tag small, has no client of a store, which is a
// tenth of the program. A place in a store is still known as one, and told of.
var errSmall = errors.New("this ferry is built for small devices and knows no object stores: see ferry help platforms")

// Is reports whether a text is written as a place in a store.
func Is(text string) bool {
	const scheme = "s3://"
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// Check says of all places that they are none.
func Check(text string) error { return fmt.Errorf("%q: %w", text, errSmall) }

// Inside reports nothing: no place passes Check.
func Inside(string, string) bool { return false }

// Store is a place in a store. There is none.
type Store struct{}

// Open fails.
func Open(context.Context, string, Options) (*Store, error) { return nil, errSmall }

// Lands fails.
func Lands(context.Context, string, bool, Options) (*Store, string, error) { return nil, "", errSmall }

// Place is empty.
func (*Store) Place() string { return "" }

// Destination fails.
func (*Store) Destination(DestinationOptions) (storage.Destination, error) { return nil, errSmall }

// Rehearsal fails.
func (*Store) Rehearsal(DestinationOptions) (storage.Destination, error) { return nil, errSmall }

// Needs are none.
func (*Store) Needs() Needs { return Needs{} }

// Size fails.
func (*Store) Size(context.Context) (files, unfinished int64, err error) { return 0, 0, errSmall }

// Sources are none.
func (*Store) Sources(int64) *Sources { return &Sources{} }

// Close does nothing.
func (*Store) Close() error { return nil }

// Sources are places below a store. There are none.
type Sources struct{}

// Add is a source where nothing is.
func (*Sources) Add(_, asked string) tree.Source { return tree.Source{Path: asked} }

// Close does nothing.
func (*Sources) Close() {}

// Source is a place in a store that is to be sent. There is none.
type Source struct{}

// OpenSource fails.
func OpenSource(context.Context, string, Options) (*Source, error) { return nil, errSmall }

// Folder reports nothing.
func (*Source) Folder() bool { return false }

// Tree is empty.
func (*Source) Tree() tree.Source { return tree.Source{} }

// Close does nothing.
func (*Source) Close() error { return nil }

// Placeless is err.
func Placeless(err error) error { return err }

// FaultOf knows none.
func FaultOf(error) Fault { return NoFault }
