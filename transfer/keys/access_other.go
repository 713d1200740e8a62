//go:build !unix

package keys

import "io/fs"

func checkPrivate(fs.FileInfo) error { return nil }

func checkTrusted(fs.FileInfo) error { return nil }

func inodeOf(fs.FileInfo) uint64 { return 0 }
