//go:build !linux && !darwin

package dest

import "os"

// flush: the file is closed before it is renamed here, which tells as much.
func flush(*os.File) error { return nil }
