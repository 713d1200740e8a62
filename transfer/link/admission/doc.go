// Package admission decides which connections may prove themselves, in which order, and
// how often a proof may be wrong.
//
// Slots shares out the places for handshakes among connections without proof. Guesses
// is the budget of wrong answers to one code, and says whose exchange goes on next. Failures
// paces the proofs of keys. A Source is what all count by.
//
// It guarantees that no number of strangers from one address keeps another address out
// for long: by the second for the places, and by the pace of the code for a wrong
// answer. It guarantees that a code bears no more wrong answers than its Allowance, even
// if a thousand come at once. What it remembers is bounded.
//
// It does not guarantee that a code outlives a crowd: enough addresses together can burn
// it. It reads and writes no connection, but it closes those that it throws out.
//
// There are no goroutines but those of timers, which end with Close. Slots, Guesses and
// Failures have a lock each; they are never held together, and nothing is called under them
// but Close of a connection.
package admission
