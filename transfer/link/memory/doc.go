// Package memory has connections between two goroutines of one process.
//
// It guarantees what a socket does, and net.Pipe does not: each direction has a buffer,
// so that two sides that write at once need not wait for each other. A deadline ends a
// call that waits, one direction can be closed alone, and what was written before a
// close is still read.
//
// It does not guarantee that what was written arrives after the reader has closed.
//
// Each direction has one lock, and no call holds both. There are no goroutines. Time
// and waiting are those that testing/synctest sees.
package memory
