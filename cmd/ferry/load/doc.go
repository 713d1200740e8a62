// Package load tests ferry serve as a machine sees it: many clients at once, for a long
// time, with faults, and several servers before one root. It holds tests only, behind a
// build tag, and runs the real programs; on Linux the command is
//
//	go test -tags load -count=1 -v ./cmd/ferry/load
//
// That is a short run of each of the three. What they do follows from the flags:
//
//	-load.soak 1h       how long the soak lasts
//	-load.seed N        what it does; printed, as is all that failed
//	-load.pace 0.3      of one processor, that the soak's programs take together
//	-load.clients 200   of the crowd, each with its own tree
//	-load.small 1000    files in each of them
//	-load.large 20      further clients, each with one large file
//	-load.size 1024     MiB of such a file
//	-load.factor 5      fail if the slowest small delivery takes more times its time alone;
//	                    0 only tells
//	-load.dir DIR       where all is kept, instead of a temporary folder
//	-load.ferry FILE    the program, instead of one that is built first
//	-load.store         the replicas are before an S3 store, by versitygw, too
//
// So the soak of an hour, and the crowd that a server is measured by, are
//
//	go test -tags load -count=1 -v -timeout 90m -run TestSoak ./cmd/ferry/load -load.soak 1h -load.seed 7
//	go test -tags load -count=1 -v -timeout 60m -run TestCrowd ./cmd/ferry/load \
//		-load.clients 200 -load.small 1000 -load.large 20 -load.size 1024 -load.factor 5
//
// TestSoak has two servers before one root. One lives as long as the soak. The median of its
// memory, descriptors and goroutines in the last quarter is not far above that in the second.
// In the end all goes back to what it was before the first client. The other server is
// drained or killed again and again, and a next process takes its port.
// Clients upload and download, are killed and run again, come with the wrong key, the wrong
// host key or for what their key may not do. Strangers say nothing, or rubbish. Lines come
// and go in the file of keys.
//
// TestCrowd has small deliveries beside large ones, friends beside strangers, and all of them
// at once. It tells how long they took, and the most memory that the server had.
//
// The slowest small delivery is held against the time of one alone. On few processors that
// cannot hold for a crowd, whatever the server does: clients run there too, and the processors
// need their time for all of them. A delivery of 1000 files takes 0.21 s alone, and both ends
// together need 0.19 s of a processor for it. So with two processors 11 at once can all be
// within 5 times the time alone, and 200 at once take 19 s at least, 90 times. Where it cannot hold, that is told, and the
// slowest is held against what the processors need for all. Both figures are always printed.
//
// TestReplicas has two servers before one root, behind a balancer of TCP connections. One of
// them is killed in the middle, or all connections are cut.
//
// What holds: each client ends with the code of the contract. After 0 every item is there,
// with its bytes, mode and time, as looked at by code that shares nothing with ferry; and
// the server's audit has a line with 0 for it. No server ends by itself.
package load
