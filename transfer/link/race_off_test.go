//go:build !race

package link

// slowed is how much longer work takes under the race detector, about.
const slowed = 1
