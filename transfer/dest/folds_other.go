//go:build !linux

package dest

import "ferry/transfer/tree"

// foldsCase: here only what is there tells.
func foldsCase(*tree.Dir) bool { return false }
