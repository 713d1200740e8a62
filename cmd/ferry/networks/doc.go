// Package networks tests the built ferry in networks of its own: LANs with several
// interfaces, firewalls, NATs and slow wires. It holds tests only, behind a build tag; as
// root on Linux the command is
//
//	go test -tags faults -count=1 -v ./cmd/ferry/networks
//
// It makes a mount, network and process namespace of its own, in which all machines and
// interfaces are made, so that nothing outlives it, and it touches no device, mount or
// address of the machine. Without root, or without a tool, the rounds that need it are
// skipped. The table at the end says how many and why, and its last line counts:
//
//	networks: N held, N skipped, N failed
//
// A round is one network with what runs in it, named by its subtest; it has machines of its
// own, so that rounds may run beside each other. A family is the rounds of one way between
// two machines, in a file of its own, with a line in families.
//
// What a round works with: lan and nats make networks, machine runs commands, ferry starts
// the program, sniff keeps what passes an interface, and leave skips the round with a reason.
package networks
