//go:build !unix

package checksum

import (
	"io/fs"
	"os"
)

// Here package os takes a path of any length.
func readFolder(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func statPath(path string) (fs.FileInfo, error)     { return os.Stat(path) }
