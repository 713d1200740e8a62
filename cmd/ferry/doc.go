// Command ferry moves files between machines and does not say "done" before it
// is true.
//
// This package is the only place that knows flags, terminals, signals and exit
// codes, and the only one that prints or exits. Each verb has a file. It turns its
// arguments into a link and into options of packages send, receive and local. At the end
// exit.go turns an error into text, JSON and an exit code.
//
// Guaranteed: data and JSON go to standard output, everything else to standard error.
// With --out - JSON goes to standard error too. Text that came from a peer or a file
// system is escaped before it is written to either. The data itself is not, and the lines
// of checksum are escaped as b3sum does. A code is never taken from the argument list. If
// standard output cannot be written, the exit code is not 0, and the delivery goes on.
//
// github.com/urfave/cli/v2 parses flags. github.com/schollz/progressbar/v3 draws the bar,
// github.com/rivo/uniseg tells how wide a name is on the screen, and golang.org/x/term
// whether there is a terminal. golang.org/x/sys has the calls that the standard library
// lacks, here and in other packages, and golang.org/x/sync ends goroutines together.
//
// Once an offer is accepted, receive gives up all rights that the delivery does not
// need: see confinement.go and package confine.
//
// Not guaranteed: if a terminal is stopped (^S), an interrupted ferry may end before the
// terminal has shown everything.
//
// Goroutines: main starts one that waits for signals and lives as long as the process. A
// renderer starts one, and finish waits for it. With --bwlimit @FILE one watches the file
// until the delivery ends. A question starts one that reads standard input. That read
// cannot be interrupted: the goroutine may be left behind and end with the process. In what
// selftest started, one ends the process with its standard input.
//
// Locks: each guards its own object (tally, console, manifest, jsonRenderer, typed), and
// none of them is held while another is taken.
package main
