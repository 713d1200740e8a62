// Package send is the sender of a delivery: it announces what there is, answers what the
// receiver asks for, and has the receiver's receipt before it returns.
//
// Guaranteed: Send returns nil only with a receipt in hand that agrees with what this side
// sent. Memory is bounded by the constants in limits.go and in package flow.
//
// The goroutines and what they hand on are listed at the head of send.go.
package send
