// Package serve is a standing server: many peers, each with a key of its own or with a code,
// put things below one root and take things from there, at once and in one process.
//
// Guaranteed: nothing is written and nothing read outside of the root and the path of the
// peer's key, whatever it asks for and whoever puts links in the way meanwhile. A peer does
// what its key permits, and nothing is opened before that is known. Who may only upload is
// told nothing of what is there: what it receives is the same, byte for byte, whether its names
// are taken or not, and nothing of it is compared with what others left (blind.go). No peer
// brings more than the quota of its key, over all its links together; unfinished files, with
// which the next delivery goes on, take as much again at most. An item that is there is
// replaced only for a key that may delete. Every delivery that ends is told to
// Config.Observe, with its receipt.
//
// Not guaranteed: that time tells nothing. A name that is taken costs a little more. Nor that a
// quota tells nothing: a file that is there already takes no more of it. Quotas and
// limits of keys are those of this process; several servers before one root can exceed them
// together.
//
// What is what:
//
//	Server    takes links, has each served, and ends: server.go, drain.go
//	guests    the keys that are here: admission, links a key, shares of a rate
//	visit     one link and its delivery, from its admission to the audit event
//	upload    takes a delivery         landing  what it writes to, as its key permits
//	download  answers a request
//	twins     what is there already of what has come: twins.go, blind.go
//	quotas    what stands below the paths of keys with a quota, and what is on its way there
//	shares    the memory that deliveries may take
//	Root      where everything is; Disk is one, and anything with Destination and Sources another
//	counts    the numbers for Prometheus
//
// Goroutines: one a link, which Serve waits for, and those of packages link, receive and send.
// Reload runs in its caller's.
//
// Locks: guests.mu, quotas.mu, shares.mu and the lock of a visit are leaves. Nothing waits and
// nobody is called back under them.
//
// A link that is lost is waited for, as long as its peer does. While the server drains it is
// not: its peer goes to the next process, which could not have the peer's unfinished files
// otherwise.
package serve
