// Package hostile holds tests in which one end of a delivery is played by hand: by the
// rules, beside them and against them. What the real end then does is what
// framing/PROTOCOL.md says. It ends in bounded time and memory, and writes nothing
// outside of its destination.
//
// There are scripts, one a rule, random peers, and a relay that damages what it passes on.
// There is nothing here but the tests: no other package imports this one.
package hostile
