// Package simulation holds a test that runs whole deliveries over a network and a disk
// that are simulated, in virtual time. Random faults happen at random moments: cuts,
// crashes, a power cut, a full disk, sources that change. An oracle knows what must
// have come of it.
//
// Guaranteed: a seed plans the same faults each time. Not guaranteed: that a run with one
// seed repeats to the last step, since goroutines run as they like.
//
// There is nothing here but the test: no other package imports this one.
package simulation
