// Package framing is the wire format of ferry: frames and the messages in them,
// as PROTOCOL.md beside this file lays them down. Bytes in, bytes out: no
// sockets, no files, no goroutines, no clock.
//
// The table in frame.go has the name, the limit and the fields of every type. Each
// message has a file of its own (PACKZ is a PACK, compressed), with a ParseX that takes a frame's body and an Append
// that writes one. Messages that come in batches (ENTRY, WANT, PACK, FILEEND, DONE,
// WARN) have an Append for one record, and their parser iterates over a body. Byte
// slices in a parsed message point into the body and are valid as long as it is.
//
// A parser guarantees that it does not panic, and that the peer's numbers steer no
// allocation. It checks every length, count, flag and enumeration against a named
// limit. One value has one encoding, so what parses is what Append writes; only a
// HELLO may be longer than this version knows. Sizes, offsets and counts are at most
// MaxSize and so fit an int64; sums of them need not.
//
// A parser does not check whether a message may come now, whether an id, attempt or
// chunk exists, or whether a file may have a name. Append checks nothing: values
// outside their limits make a frame that the peer refuses.
//
// An *Error means that the peer broke these rules or, with CodeInternal, that the
// caller did. A failed or truncated read is never an *Error.
//
// The package starts no goroutine and has no lock. A Reader and a Writer each belong
// to one goroutine at a time.
package framing
