// Package faults tests the built ferry under faults that take a whole machine:
// power cuts, failing system calls, full and vanishing disks, deaths, stalls,
// changing sources, rivals, damaged state and bad networks. It holds tests only,
// behind a build tag; as root on Linux the command is
//
//	go test -tags faults -count=1 -v ./cmd/ferry/faults
//
// It makes a mount, network and process namespace of its own, in which all
// disks and interfaces are made, so that nothing outlives it, and it touches no
// device, mount or address of the machine. Without root, or without a tool, the
// rounds that need it are skipped, and the table at the end says how many and
// why. The last line counts:
//
//	faults: N injected, N survived, N missed, N skipped, N failed
//
// A round is one fault in one delivery, named by its subtest. Injected means that
// the fault was seen to happen, survived that every check held, missed that the
// delivery was over before the fault. What a round does follows from its name
// and FERRY_FAULT_SEED (printed, 1 if not set): the same two give the same
// fault, though not the same moment in threads and disks. FERRY_FAULT_ROUNDS
// multiplies the rounds of each family, for a soak.
//
// What is checked in each round, by code that shares nothing with ferry: exit
// code 0 at either side means that every item is there with its bytes, mode and
// time; otherwise each final name holds the whole old or the whole new content;
// both sides end in time; and the same command without the fault goes on and
// ends with 0.
package faults
