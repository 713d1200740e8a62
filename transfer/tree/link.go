package tree

import (
	"math"
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
		return refused("its target is empty")
	case len(t) > maxTarget:
		return refused("its target has %d bytes, %d at most", len(t), maxTarget)
	case strings.IndexByte(t, 0) >= 0:
		return refused("its target has a zero byte")
	}
	return nil
}

// TargetClimbs returns how many folders a link's target climbs: so many folders of the
// tree have to be above the link for it to stay in the tree. The result is math.MaxInt
// for an absolute target, and for one with .. after a name, because that name may be a
// link itself. TargetClimbs looks at the text only, and so cannot see that a component
// is a link that leads out of the tree.
func TargetClimbs(target string) int {
	if runtime.GOOS == "windows" {
		if strings.IndexByte(target, ':') >= 0 {
			return math.MaxInt // a drive or a stream
		}
		target = strings.ReplaceAll(target, `\`, "/")
	}
	if strings.HasPrefix(target, "/") {
		return math.MaxInt
	}
	climbs, named := 0, false
	for c := range strings.SplitSeq(target, "/") {
		switch c {
		case "", ".":
		case "..":
			if climbs++; named {
				return math.MaxInt
			}
		default:
			named = true
		}
	}
	return climbs
}
