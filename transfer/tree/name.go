package tree

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of names and paths, checked at both sides: the sender leaves out what the
// receiver would refuse. A root entry above counts as one byte of a path and as no folder.
const (
	MaxName  = 255      // bytes of one component
	MaxPath  = 32 << 10 // bytes of a slash path inside a tree
	MaxDepth = 4095     // folders above an entry
)

// PartialName is the folder for the state of an unfinished delivery. If another user has
// that name, it is PartialName-UID. See IsStateName.
const PartialName = ".ferry-partial"

// CheckName returns an error that wraps ErrName unless name can be one
// component of a path at every receiver of this system. A name of state folders
// (IsStateName) is refused.
func CheckName(name string) error {
	if err := CheckComponent(name); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return checkWindowsName(name)
	}
	return nil
}

// CheckComponent is CheckName for any system: it takes what is one component of a path
// somewhere. What it refuses no system has, or must not have.
func CheckComponent(name string) error {
	switch {
	case name == "":
		return refused("it is empty")
	case name == "." || name == "..":
		return refused("it stands for another folder")
	case len(name) > MaxName:
		return refused("%d bytes, %d at most", len(name), MaxName)
	case strings.IndexByte(name, '/') >= 0:
		return refused("it has a slash")
	case strings.IndexByte(name, 0) >= 0:
		return refused("it has a zero byte")
	case IsStateName(name):
		return refused("%w", ErrOwnState)
	}
	return nil
}

// IsStateName reports whether name can be the name of a state folder: PartialName alone or
// with a dash and anything behind it. Any spelling counts that some file system takes for
// such a name (FoldKey): ext4 with casefold, HFS+, FAT, ZFS with normalization. Such a
// name is refused from peers, not sent, and left alone where other items are deleted.
func IsStateName(name string) bool {
	if len(name) < len(PartialName) || name[0] != '.' && name[0] < utf8.RuneSelf {
		return false
	}
	// FoldKey is expensive, and hardly any name begins like that.
	first, _ := utf8.DecodeRuneInString(name)
	if first != '.' && !isIgnorable(first) && norm.NFKD.String(string(first))[0] != '.' {
		return false
	}
	rest, ok := strings.CutPrefix(FoldKey(name), PartialName)
	return ok && (rest == "" || rest[0] == '-')
}

// isIgnorable reports whether r is a Default_Ignorable_Code_Point of Unicode, or nearly.
func isIgnorable(r rune) bool {
	return r >= utf8.RuneSelf && r != utf8.RuneError &&
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// checkWindowsName refuses what Windows would read as another name, a device or
// a stream ("Naming Files, Paths, and Namespaces", Win32 documentation).
func checkWindowsName(name string) error {
	if !utf8.ValidString(name) {
		return refused("Windows takes no name that is not UTF-8")
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || strings.IndexByte(signs, c) >= 0 {
			return refused("Windows takes no name with %q", c)
		}
	}
	if c := name[len(name)-1]; c == '.' || c == ' ' {
		return refused("Windows takes no name with a dot or a space at its end")
	}
	if NamesDevice(name) {
		return refused("Windows has that name for a device")
	}
	if isStateAlias(name) {
		return refused("%w", ErrOwnState)
	}
	return nil
}

// stateAlias begins the 8.3 aliases of the names of state folders.
const stateAlias = "FERRY-~"

func isStateAlias(name string) bool {
	return len(name) >= len(stateAlias) && strings.EqualFold(name[:len(stateAlias)], stateAlias)
}

// NamesDevice reports whether Windows takes name for the name of a device.
func NamesDevice(name string) bool {
	stem := deviceStem(name)
	const longest = len("CONOUT$")
	return len(stem) >= 3 && len(stem) <= longest && isDeviceName(strings.ToUpper(stem))
}

// deviceStem is what of a name may name a device: that counts with any extension and with
// spaces before it.
func deviceStem(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	return strings.TrimRight(stem, " ")
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

// BaseName returns the wire name of the item at the user's path: the last component, after
// . and .. are resolved. The top of the file system has no such name. A drive of Windows
// without a slash is the current folder of that drive.
func BaseName(path string) (string, error) {
	name := lastComponent(path)
	if name == "" && path != "" || name == "." || name == ".." {
		resolved := path
		// Links before .. change where it leads; they do not change where . leads.
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
	for c := range strings.SplitSeq(filepath.ToSlash(path[len(filepath.VolumeName(path)):]), "/") {
		if c == ".." {
			return true
		}
	}
	return false
}

func isSlash(c byte) bool { return c == '/' || c == filepath.Separator }
