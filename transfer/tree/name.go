package tree

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"
)

// Limits of names and paths, checked at both sides.
const (
	MaxName  = 255      // bytes of one component
	MaxPath  = 32 << 10 // bytes of a slash path inside a tree
	MaxDepth = 4096     // folders above an entry
)

// PartialName is the folder of an unfinished delivery's state. It is refused as
// a name at every depth and not sent.
const PartialName = ".ferry-partial"

// CheckName returns an error that wraps ErrName unless name can be one
// component of a path at every receiver of this system. PartialName is refused
// in whatever case, since a file system may ignore it.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: stands for another folder", ErrName)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %d bytes, %d at most", ErrName, len(name), MaxName)
	case strings.IndexByte(name, '/') >= 0:
		return fmt.Errorf("%w: contains a slash", ErrName)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%w: contains a zero byte", ErrName)
	case isPartialName(name):
		return fmt.Errorf("%w: %w", ErrName, ErrOwnState)
	}
	if runtime.GOOS == "windows" {
		return checkWindowsName(name)
	}
	return nil
}

// isPartialName reports whether some file system takes name for PartialName:
// one that ignores case, or HFS+, which also ignores some code points (Apple
// TN1150, "case-insensitive string comparison").
func isPartialName(name string) bool {
	if len(name) < len(PartialName) {
		return false
	}
	if len(name) > len(PartialName) {
		name = strings.Map(dropIgnorable, name)
	}
	return strings.EqualFold(name, PartialName)
}

func dropIgnorable(r rune) rune {
	switch {
	case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
		return -1
	}
	return r
}

// checkWindowsName refuses what Windows would read as another name, a device or
// a stream ("Naming Files, Paths, and Namespaces", Win32 documentation).
func checkWindowsName(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: not UTF-8", ErrName)
	}
	for i := range len(name) {
		if c := name[i]; c < 0x20 || strings.IndexByte(`<>:"\|?*`, c) >= 0 {
			return fmt.Errorf("%w: contains %q", ErrName, c)
		}
	}
	if c := name[len(name)-1]; c == '.' || c == ' ' {
		return fmt.Errorf("%w: ends in a dot or space", ErrName)
	}
	// A device name counts with any extension and with spaces before it.
	stem, _, _ := strings.Cut(name, ".")
	if isDeviceName(strings.ToUpper(strings.TrimRight(stem, " "))) {
		return fmt.Errorf("%w: names a device", ErrName)
	}
	// The 8.3 alias of PartialName.
	if alias := "FERRY-~"; len(name) >= len(alias) && strings.EqualFold(name[:len(alias)], alias) {
		return fmt.Errorf("%w: %w", ErrName, ErrOwnState)
	}
	return nil
}

func isDeviceName(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if n, ok := strings.CutPrefix(stem, port); ok {
			switch n {
			case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
				return true
			}
		}
	}
	return false
}

// BaseName returns the wire name of what the user's path names: its last
// component, after . and .. are resolved. The top of the file system has none.
func BaseName(path string) (string, error) {
	name := lastComponent(path)
	if name == "." || name == ".." {
		resolved := path
		// Where .. leads depends on the links before it; where . is, not.
		if hasDotDot(path) {
			var err error
			if resolved, err = filepath.EvalSymlinks(path); err != nil {
				return "", fmt.Errorf("finding the name of %q: %w", path, err)
			}
		}
		abs, err := filepath.Abs(resolved)
		if err != nil {
			return "", fmt.Errorf("finding the name of %q: %w", path, err)
		}
		name = lastComponent(abs)
	}
	if err := CheckName(name); err != nil {
		return "", fmt.Errorf("%q: %w", path, err)
	}
	return name, nil
}

// trimSlashes removes slashes from the end of path, but not its only one.
func trimSlashes(path string) string {
	for len(path) > len(filepath.VolumeName(path))+1 && isSlash(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	return path
}

// lastComponent returns what follows the last slash of path, which may be
// nothing.
func lastComponent(path string) string {
	_, name := filepath.Split(trimSlashes(path))
	return name
}

func hasDotDot(path string) bool {
	for c := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		if c == ".." {
			return true
		}
	}
	return false
}

func isSlash(c byte) bool { return c == '/' || c == filepath.Separator }
