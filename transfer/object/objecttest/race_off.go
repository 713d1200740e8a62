//go:build !race

package objecttest

// Raced reports that the race detector is on, which makes sums over bytes, copies of them and
// requests many times slower: tests take less of the same then.
const Raced = false
