// Package memory is a storage.Destination, and a storage.Source, in memory. It is for
// tests: of what is built on package storage, and of deliveries that are simulated.
//
// A Disk is a file system. Content and names are volatile until they are synced, and
// PowerCut leaves of the rest what a real one might. A Folder is one delivery to it. What
// meets an operation, Options.Before decides: an error, a pause, half an effect. Kill ends
// a Folder as the death of a process does.
//
// Guaranteed: what package storage says, and that an order of calls that it does not allow
// fails the test. A sync that fails has lost what it was to write, and those after
// it succeed: so does the page cache of Linux.
//
// Not guaranteed: speed. Each content is one slice.
//
// There are no goroutines. A Disk has one lock, which guards all that is on it and all of
// its Folders; nothing of the caller's is called under it.
package memory
