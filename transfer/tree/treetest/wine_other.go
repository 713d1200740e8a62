//go:build !windows

package treetest

// Wine reports whether this is Wine and not Windows.
func Wine() bool { return false }
