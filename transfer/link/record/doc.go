// Package record puts bytes on a connection in records, and takes them off again.
//
// A Conn is the connection itself, with a buffer each way: TLS writes its records to
// it before the proof, and they leave together. A Sealed takes the place of TLS once
// both sides are proven. Its records are those of PROTOCOL.md, section 2.7.
//
// It guarantees that nobody on the way reads, changes, drops, repeats or swaps a sealed
// record unnoticed, and that an orderly end differs from a cut. It allocates for one
// record, whatever length the other side claims. Before Promote it takes no more bytes
// than a handshake and a proof need. No key stays in memory that opens a record sealed
// under an older one.
//
// It does not guarantee that what was written leaves before Flush. It does not know
// whether the other side has proved itself: the caller says so with Promote.
//
// There are no goroutines here. Each half of a Conn and of a Sealed belongs to one
// goroutine at a time. Writing to a Conn is the exception: TLS answers some messages
// from the reading goroutine, so the write buffer has a lock. No other lock is taken
// under it.
//
// The sealer is pure: records follow from its secret and their order.
package record
