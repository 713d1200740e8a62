//go:build unix

package relay

import (
	"math"
	"syscall"
)

// openFiles is how many descriptors connections and pipes may take: 80 % of what the
// process may have.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || uint64(l.Cur) > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(l.Cur) / 5 * 4
}
