// Package ws is a byte stream in the binary messages of a WebSocket, for relays behind an
// HTTP proxy: framing/RELAY.md section 6.
//
// It guarantees that a stream's end in one direction reaches the other side, which
// WebSocket does not know: a message of no bytes says it. Boundaries of other messages
// mean nothing.
//
// It needs github.com/coder/websocket, which is small, kept, and does both sides; the
// standard library has none.
//
// Deadlines cut the connection when they pass. One goroutine may read and another write.
// The package starts none that outlives a call but those of the library, which end with
// Close.
package ws
