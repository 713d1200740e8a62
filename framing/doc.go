// Package framing is the wire format of ferry: frames and the messages in them,
// as PROTOCOL.md beside this file lays them down. Bytes in, bytes out: no
// sockets, no files, no goroutines, no clock.
//
// Each message has a ParseX that takes a frame's body and an Append that writes
// one. Messages that come in batches (ENTRY, WANT, PACK, FILEEND, DONE, WARN) have an
// Append for one record, and their parser iterates over a body. Byte slices in
// a parsed message point into the body: they are valid as long as it is.
//
// What a parser guarantees: no panic and no allocation that the peer's numbers
// steer; every length, count, flag and enumeration is checked against a named
// limit; one value has one encoding, so what parses is what Append writes
// (HELLO alone may be longer than this version knows). Sizes, offsets and
// counts are at most MaxSize and so fit an int64; sums of them need not.
//
// What it does not check: whether a message may come now, whether an id,
// attempt or chunk exists, and whether a name is one that a file may get.
// Append does not check at all: values outside their limits make a frame that
// the peer refuses.
//
// An *Error means that the peer broke these rules (or, with CodeInternal, that
// the caller did). A failed or truncated read is never an *Error.
//
// A Reader and a Writer each belong to one goroutine at a time.
package framing
