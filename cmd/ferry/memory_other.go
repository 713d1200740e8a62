//go:build !linux

package main

import "io/fs"

// limitMemory does nothing: no system but Linux tells a process what it may have.
func limitMemory(fs.FS) {}
