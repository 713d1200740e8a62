// Package wire translates between what package tree knows of an entry and what package
// framing has of it: entries with their metadata, the flags that grant it, and names.
//
// Guaranteed: what comes off the wire keeps nothing of the frame that it was in, and what
// was not granted does not go on the wire. Not guaranteed: that a name or target is
// allowed. The receiver checks that.
//
// All functions are pure. No goroutine, no locks.
package wire
