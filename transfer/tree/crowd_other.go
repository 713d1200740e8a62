//go:build !unix

package tree

// MayOpen is how many files and folders a delivery may have open, in all.
func MayOpen() int { return 4096 }

// OpenLimit is not known.
func OpenLimit() (n int, ok bool) { return 0, false }
