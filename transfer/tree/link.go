package tree

import (
	"fmt"
	"runtime"
	"strings"
)

// maxTarget is the limit of a symbolic link's target, in bytes: PATH_MAX of
// Linux less the NUL.
const maxTarget = 4095

// CheckTarget returns an error that wraps ErrName unless t can be the target of
// a symbolic link: 1 to 4095 bytes without NUL.
func CheckTarget(t string) error {
	switch {
	case t == "":
		return fmt.Errorf("%w: empty link target", ErrName)
	case len(t) > maxTarget:
		return fmt.Errorf("%w: link target of %d bytes, %d at most", ErrName, len(t), maxTarget)
	case strings.IndexByte(t, 0) >= 0:
		return fmt.Errorf("%w: link target contains a zero byte", ErrName)
	}
	return nil
}

// TargetEscapes reports whether a link in the folder parent, a slash path inside
// the tree ("" at its top), would lead out of the tree: target is absolute or
// climbs above the top. A .. after a name counts as climbing too, because that
// name may be a link itself. Only text is looked at: a target whose components
// are links that lead out is not seen here.
func TargetEscapes(parent, target string) bool {
	if runtime.GOOS == "windows" {
		if strings.IndexByte(target, ':') >= 0 {
			return true // a drive or a stream
		}
		target = strings.ReplaceAll(target, `\`, "/")
	}
	if strings.HasPrefix(target, "/") {
		return true
	}
	above := 0
	if parent != "" {
		above = strings.Count(parent, "/") + 1
	}
	named := false
	for c := range strings.SplitSeq(target, "/") {
		switch c {
		case "", ".":
		case "..":
			if above--; named || above < 0 {
				return true
			}
		default:
			named = true
		}
	}
	return false
}
