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
// A round is one fault in one delivery, or in some to one target, named by its
// subtest. Injected means that the fault was seen to happen. Survived means that every
// check held. Missed means that the delivery, or what was to be hit of it, was over before
// the fault. What a round does follows from its name and FERRY_FAULT_SEED (printed, 1 if
// not set): the same two give the same fault, though not the same moment in threads and
// disks. FERRY_FAULT_ROUNDS multiplies the rounds of each family, for a soak.
//
// Two families try targets. In targets, one odd tree is delivered to each kind of file
// system that can be set up here, by copy and by send and receive, each with -a and
// without. A row at the end shows the exit code of each run, and what it said was lost,
// with the number of items. In refusals, a small tree is delivered to a file system that
// refuses one operation with one error; fusefault beside this package is that file
// system. A long campaign refuses more than one operation at a time:
//
//	FERRY_FAULT_ROUNDS=20 FERRY_FAULT_SEED=7 go test -tags faults -count=1 -v -timeout 3h \
//		-run 'TestFaults/(targets|refusals)' ./cmd/ferry/faults
//
// What holds there: a fault of the target ends a run with 0, 1 or 6. After 0 all
// of the source is there, and metadata that is not was told, item by item. After 1
// each item that is missing was named. Under each name stands the old or the new,
// and nothing of ferry's own after a success. A second run ends with the same code
// and moves nothing that is there. What cp -a keeps on that file system, ferry -a
// keeps. After 0, a file is put into each folder, and copy --delete removes it again,
// or names it where the file system refuses that:
// each folder is as it was then, and a further run changes nothing.
//
// One family has a store: versitygw, behind a proxy of each round that cuts, delays, loses
// answers and fails requests, while ferry dies at any moment. After 0 each object is whole, its
// metadata is right, and nothing is left but what nobody could hear of: an upload whose
// beginning was not answered, and objects of a moment.
//
// Each round is checked by code that shares nothing with ferry. Exit code 0 at either
// side means that every item is there with its bytes, mode and time. Otherwise each final
// name holds the whole old or the whole new content. Both sides end in time. The same
// command without the fault goes on and ends with 0.
package faults
