//go:build !linux && !darwin

package tree

// MayOpen is how many files and folders a delivery may have open, in all.
func MayOpen() int { return 4096 }

// FewOpen is nil: there is no such limit.
func FewOpen() error { return nil }

// OpenLimit is not known.
func OpenLimit() (n int, ok bool) { return 0, false }
