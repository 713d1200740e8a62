// Package selftest tries ferry's promise on the machine and the disk where it runs. The
// program is started again as a sender and as a receiver, which meet over TCP on the
// loopback. What arrives is compared with what was sent byte by byte, with code that
// shares nothing with ferry: this package imports none of its packages.
//
// Run goes through these steps:
//
//  1. Make a new folder in the folder to try. Without one, or without room, it ends here.
//  2. Make what is sent, from generators: a tree of odd names, links, modes and times, a
//     hole, a large file and a medium one.
//  3. Play all trials at once. Each has a folder, a code and processes of its own. A trial
//     ends with what held, with the first things that did not, or with why it was not tried.
//  4. Look whether the sources are as they were made.
//  5. Take the folder away. It stays, with what each process said, if a trial failed.
//
// Guaranteed: a trial is said to have held only if the processes ended as they should and
// all that arrived was read and compared: names, kinds, bytes, modes, times, links, and
// that nothing else is there. A mode, a time or a hard link that a file system cannot keep
// is no fault if ferry named the item. On Linux the bytes are read past the page cache, where the file
// system lets go of it. No process outlives Run, nor the process that called it: a
// child ends when its standard input does, see Tied.
//
// Not guaranteed: power cuts, full disks and long networks are not tried, as none of them
// can be had here without harm. Owners, extended attributes and devices are not either. If
// this process is killed and cannot clean up, its folder stays.
//
// Goroutines: Run starts one for each trial. A process has one that reads what it says and
// then waits for it. A relay of this package has one that accepts and two for each connection. Whoever
// starts one waits for it. A trial that ends kills its processes and closes its relay first.
//
// Locks: process.mu and relay.mu guard their own object. Neither is held while the other is
// taken, nor while anything is written, started or waited for.
package selftest
