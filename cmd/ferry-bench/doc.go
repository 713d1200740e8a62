// Command ferry-bench measures ferry beside the other tools that it finds on this
// machine, on the same data. It delivers one large file and many small ones. It
// delivers once more with nothing changed, and delivers the rest after an
// interruption. It delivers a file whose older version is there, in which most of what
// is new stands at another place. What needs a link goes over loopback, and with -link, as root, over
// emulated links.
//
// The tools run in turn, round after round, so that a slow minute of the machine
// hits all of them. What counts is the median over the rounds of ferry's time
// divided by another tool's in the same round. The clock runs from when the far
// side listens until both sides have ended. What is there then is compared with
// the source, by SHA-256. A tool that fails, or whose result differs, is out of
// that table, and the exit code is 1. A tool that is not installed or cannot do
// such a thing is left out with the reason, and the exit code is not touched.
//
// Not everything is equal. ferry verifies and syncs, and encrypts unless it copies within
// one process; nothing else syncs. rsync to a daemon, nc and tar-nc encrypt nothing. What goes over ssh is encrypted
// with aes128-gcm, which costs what ferry's cipher costs, except that ssh chooses in
// rsync-ssh-default, ferry-ssh and ferry-ssh-inside. croc goes through a relay
// of its own on the far side and has a head start. With the work folder on tmpfs,
// the default where there is one, syncing is free. scp, nc, tar-nc and cp know
// neither what is there already nor the rest of a file, and deliver it all again; rsync -W
// and croc have no use of an older version.
//
// Peak memory is that of the largest process of a side, and is known on Linux only.
// Processor time is that of all processes of a side. The near side sends. Where one
// process is both sides it counts as the near one.
//
// An emulated link limits, delays and drops packets in this program, which takes
// processor time from the tools: beyond some 500 Mbit/s that is what limits. Its
// data are as many as it carries in ten seconds, but for -workload shifted. What it
// carried is in the table, headers of packets included. Its sockets use cubic where
// net.ipv4.tcp_allowed_congestion_control has it, else what the system prefers;
// the title of the table says which.
//
// The chart of -svg is drawn by gonum.org/v1/plot, which is well kept, writes SVG and is
// linked into no other command.
//
// To add a tool, add a row to tools. One goroutine makes all runs. Everything that
// is made or started is in two folders of its own and under one process, and is gone
// at the end, after an interrupt too; /run/sshd stays, which sshd needs.
package main
