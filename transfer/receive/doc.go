// Package receive is the receiver of a delivery: it decides about each entry, asks for
// what is missing, verifies and publishes it, and gives the receipt.
//
// Guaranteed: Receive returns nil only when everything offered is under its final name,
// verified, and durable where the destination is. Memory is bounded by the constants in
// limits.go and in package flow.
//
// The goroutines and what they hand on are listed at the head of receive.go.
package receive
