//go:build !unix

package serve

import "io/fs"

// allocated is the space that a file takes, which this system does not tell.
func allocated(info fs.FileInfo) int64 { return info.Size() }
