//go:build !linux

package dest

import "os"

// mountOf: the device number tells all here.
func mountOf(*os.File) uint64 { return 0 }

func canLinkUnnamed() bool { return false }
