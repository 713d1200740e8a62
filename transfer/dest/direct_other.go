//go:build !linux && !darwin

package dest

import "os"

// setDirect: reads come from the page cache here.
func setDirect(*os.File, bool) bool { return false }
