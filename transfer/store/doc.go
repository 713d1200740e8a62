// Package store opens places in an object store by their names, such as
// s3://bucket/prefix, for programs that know destinations and sources and no store. A place
// becomes a storage.Destination, or a source that a sender walks.
//
// Guaranteed: nothing is asked of a network before Open, Lands or OpenSource, and nothing is
// written before a destination is started. An error names the place, the cause and what to do;
// Fault tells programs what kind of cause that is. Credentials are in no text.
//
// Not guaranteed: that a place which could be opened takes what comes. What the credentials
// may do is known when it is done.
//
// The package keeps no state and starts no goroutine. What it opens is closed by whoever asked
// for it, the destination before its Store.
package store
