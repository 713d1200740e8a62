//go:build !linux && !darwin

package dest

import "os"

// dropCache and setDirect: reads come from the page cache here.
func dropCache(*os.File)            {}
func setDirect(*os.File, bool) bool { return false }
