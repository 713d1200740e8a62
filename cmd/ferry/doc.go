// Command ferry moves files between machines and does not say "done" before it
// is true.
//
// This package is the only place that knows flags, terminals, signals and exit
// codes, and the only one that prints or exits. Each verb has a file: it turns
// arguments into a link and the options of package transfer, and hands the
// ending to exit.go, where an error becomes text, JSON and an exit code.
//
// Guaranteed: data and JSON go to standard output, all else to standard error
// (JSON too with --out -); nothing that came from a peer or a file system
// reaches either unescaped, but for the data itself and the b3sum lines of
// checksum, which escape as b3sum does; a code is never taken from the argument
// list. A standard output that cannot be written makes the exit code non-zero
// and does not stop a delivery.
//
// Once an offer is accepted, receive gives up all rights that the delivery does not
// need, see confinement.go and package confine.
//
// Not guaranteed: that a terminal which is stopped (^S) shows everything before
// an interrupted ferry ends.
//
// Goroutines: main owns the one that waits for signals, which lives as long as
// the process. A renderer has one, which its finish waits for. A prompt has one,
// which ends with the read of standard input: that read cannot be interrupted.
package main
