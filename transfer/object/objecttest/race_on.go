//go:build race

package objecttest

// raced: the race detector is on, which makes sums over bytes many times slower.
const raced = true
