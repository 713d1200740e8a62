// Command ferry-bench measures ferry beside rsync on this machine: one large
// file, and many small ones, over loopback.
//
// The tools run in turn, round after round, so that a slow minute of the machine
// hits all of them; what counts is the median over the rounds of ferry's time
// divided by another tool's in the same round. Each run goes into an empty
// folder, is timed from the start of its process to the end of it, and is then
// compared with the source byte by byte. A run that fails or differs ends the
// measurement with exit code 1.
//
// What is not equal: ferry encrypts, verifies and syncs. rsync to a daemon
// encrypts nothing; rsync over ssh encrypts with aes128-gcm, which costs what
// ferry's cipher costs; rsync syncs nothing at all. With the work folder on
// tmpfs, the default where there is one, syncing is free.
//
// A tool that is not installed is left out with its reason. To add one, write
// the methods of tool and name it in tools.
//
// Everything that is made or started is in one work folder and under one
// process: it is gone again at the end, after an interrupt too.
package main
