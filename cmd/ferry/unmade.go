package main

import (
	"fmt"
	"strings"
)

// maxUnmade bounds the failed items that others may lie below.
const maxUnmade = 1024

// unmade counts the items that failed since the folder that they are in could not be
// made, or takes nothing: that is one failure, and is told as one.
type unmade struct {
	failed []*failedItem          // those that failed by themselves, in that order
	below  map[string]*failedItem // by their path
	beside map[string]*failedItem // by the path of their folder, the first of each
}

type failedItem struct {
	path          string
	below, beside int64 // items that failed with it
}

// add takes note of an item that failed by itself.
func (u *unmade) add(path string) {
	path = strings.TrimRight(path, "/")
	if u.below[path] != nil || len(u.failed) == maxUnmade {
		return
	}
	if u.below == nil {
		u.below, u.beside = make(map[string]*failedItem), make(map[string]*failedItem)
	}
	f := &failedItem{path: path}
	u.failed = append(u.failed, f)
	u.below[path] = f
	if above, ok := folderOf(path); ok && u.beside[above] == nil {
		u.beside[above] = f
	}
}

// count counts one that failed with another; false: that one is not known.
func (u *unmade) count(path string) bool {
	for above, ok := folderOf(path); ok; above, ok = folderOf(above) {
		if f := u.below[above]; f != nil {
			f.below++
			return true
		}
		if f := u.beside[above]; f != nil {
			f.beside++
			return true
		}
	}
	return false
}

// folderOf is the path of the folder that path is in, "." for the destination.
func folderOf(path string) (string, bool) {
	if at := strings.LastIndexByte(path, '/'); at >= 0 {
		return path[:at], true
	}
	return ".", path != "."
}

// lines tells how many failed with each.
func (u *unmade) lines() (lines []string) {
	for _, f := range u.failed {
		if f.below > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %s below it", show(f.path), items(f.below)))
		}
		if f.beside > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %s beside it", show(f.path), items(f.beside)))
		}
	}
	return lines
}
