// Package relayed is the client of a relay: a third machine that both sides can reach, and
// that carries their bytes if they cannot reach each other. ParseURL reads what a person
// gives. The side that listens claims a room (Claim), the side that dials seeks it (Seeker).
//
// # What is guaranteed
//
// The connections that come out are raw: nothing of what the other side sent is buffered
// here. Over tcp:// they are the *net.TCPConn itself, so that the system can be asked about
// them. No wait is longer than its context, and no answer of a relay takes more memory than
// a frame of it.
//
// A relay that was given and cannot be reached is an Error: no other one takes its place.
// Once it was reached, a relay that goes away is called again until Close, and the room is
// claimed again with the ticket that it was claimed with.
//
// # What is not
//
// A relay proves nothing, and is believed nothing: package link proves the code through it.
// What it says about addresses is a hint. It learns what framing/RELAY.md says.
//
// # Goroutines
//
// A Claimed owns one that reads what the relay says, one that keeps the connection alive,
// and one for each caller that is being let in. Close waits for them. A Seeker owns none.
//
// # Locks
//
// Each type has one lock, over no wait and no callback.
package relayed
