// Package local copies within one process: a sender and a receiver, joined over
// loopback. It also opens folders as destinations, and deletes at a destination what the
// source has not.
//
// Guaranteed: Copy proves and protects a delivery as between two machines, and nothing is
// deleted unless all of it was delivered.
//
// Copy runs the receiver in a goroutine of its own and waits for it. There are no locks.
package local
