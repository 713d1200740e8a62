//go:build !linux && !darwin

package tree

// MayOpen is how many files and folders a delivery may have open, in all.
func MayOpen() int { return 4096 }
