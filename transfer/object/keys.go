package object

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"ferry/transfer/tree"
)

// maxKey is how long a key may be with the prefix, in bytes. Every store of this kind takes
// as much.
const maxKey = 1024

// statePrefix begins the keys of what is unfinished, below the prefix of a place.
const statePrefix = tree.PartialName + "/"

// errKey is why a name or a path cannot be a key, or a key cannot be a path.
var errKey = errors.New("an object store cannot hold this name")

func badKey(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errKey, fmt.Sprintf(format, args...))
}

// checkKeyName returns an error unless name can be one component of a key: what
// tree.CheckComponent takes, as UTF-8, without the characters that XML has no place for,
// in which stores are spoken to.
func checkKeyName(name string) error {
	if err := tree.CheckComponent(name); err != nil {
		return err
	}
	if !utf8.ValidString(name) {
		return badKey("it is not UTF-8")
	}
	for _, r := range name {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return badKey("it has the character %U", r)
		}
	}
	return nil
}

// checkKey returns an error unless key, with a prefix of so many bytes before it, is not
// too long for a store.
func checkKey(prefix int, key string) error {
	if n := prefix + len(key); n > maxKey {
		return badKey("its whole key has %d bytes, %d at most", n, maxKey)
	}
	return nil
}

// pathOfKey is the slash path for which a key stands, relative to the prefix, and whether
// it is the mark of an empty folder: a key that ends in a slash. A key that is no clean path,
// or is ferry's own, is an error.
func pathOfKey(key string) (path string, folder bool, err error) {
	path, folder = strings.CutSuffix(key, "/")
	if path == "" {
		return "", folder, badKey("it is empty")
	}
	if len(path) > tree.MaxPath {
		return "", folder, badKey("it has %d bytes", len(path))
	}
	for name := range strings.SplitSeq(path, "/") {
		if err := checkKeyName(name); err != nil {
			return "", folder, err
		}
	}
	return path, folder, nil
}

// isStateKey reports whether a key, relative to the prefix, is of ferry's own objects: those
// of unfinished deliveries.
func isStateKey(key string) bool {
	name, _, _ := strings.Cut(key, "/")
	return tree.IsStateName(name)
}
