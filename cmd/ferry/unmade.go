package main

import (
	"errors"
	"fmt"
	"os"

	"ferry/framing"
	"ferry/transfer"
)

// maxUnmade is the most failed items that are remembered.
const maxUnmade = 1024

// unmade counts items that failed only because their folder could not be made, or takes
// no items. People see that as one failure.
type unmade struct {
	failed []*failedItem          // items that failed by themselves, in order
	below  map[string]*failedItem // the same, by path
	beside map[string]*failedItem // the first of each folder, by the path of the folder

	roomless int64 // items for which there was no room
	need     int64 // what all but the first of them need, as far as it is known, in bytes
}

type failedItem struct {
	path          string
	below, beside int64 // items that failed with it
}

// add notes an item that failed by itself.
func (u *unmade) add(path string) {
	for endsInSlash(path) {
		path = path[:len(path)-1]
	}
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

// lacksRoom counts an item for which the destination has no room. It returns false for
// the first one: people hear of a full disk once, and of the rest how many they are.
func (u *unmade) lacksRoom(err *transfer.Error) bool {
	if err.Code != framing.CodeNoSpace || err.Consequence() {
		return false
	}
	u.roomless++
	var space transfer.SpaceError
	if u.roomless > 1 && errors.As(err.Err, &space) {
		u.need += space.Need
	}
	return u.roomless > 1
}

// count counts an item that failed because of another one. It returns false if that
// other one is not known.
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
	for at := len(path) - 1; at >= 0; at-- {
		if os.IsPathSeparator(path[at]) {
			return path[:at], true
		}
	}
	return ".", path != "."
}

// lines tells for each item how many failed because of it.
func (u *unmade) lines() (lines []string) {
	for _, f := range u.failed {
		if f.below > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %s below it", show(f.path), items(f.below)))
		}
		if f.beside > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %s beside it", show(f.path), items(f.beside)))
		}
	}
	if u.roomless > 1 {
		line := "and " + items(u.roomless-1) + " more, for want of space"
		if u.need > 0 {
			line += ": they need " + sizeText(u.need)
		}
		lines = append(lines, line)
	}
	return lines
}
