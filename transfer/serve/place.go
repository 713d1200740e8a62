package serve

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"ferry/transfer/tree"
)

// namesIn splits what a peer wrote for a path below its own: slashes at its ends, double ones
// and "." count for nothing. No name leads up, and each is one that an item can have.
func namesIn(text string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(text, "/") {
		switch name {
		case "", ".":
			continue
		}
		if err := tree.CheckName(name); err != nil {
			return nil, fmt.Errorf("%q is no path here: %w", text, err)
		}
		names = append(names, name)
	}
	if len(names) > tree.MaxDepth {
		return nil, fmt.Errorf("%q is no path here: %w", text, tree.ErrTooDeep)
	}
	return names, nil
}

// below is the path of names in the folder at path.
func below(at, names []string) []string { return append(slices.Clip(at), names...) }

// text is a path for people; the root is ".".
func text(path []string) string {
	if len(path) == 0 {
		return "."
	}
	return strings.Join(path, "/")
}

// within tells whether the path inner is outer, or below it.
func within(outer, inner []string) bool {
	return len(inner) >= len(outer) && slices.Equal(inner[:len(outer)], outer)
}

// errNothing: a request that names nothing.
var errNothing = errors.New("nothing is asked for")

// wishesOf reads the paths of a request, for who has the folder at path. As on a command
// line, "d" is the item, and "d/" and "." are what is in the folder.
func wishesOf(at []string, asked []string) ([]Wish, error) {
	if len(asked) == 0 {
		return nil, errNothing
	}
	wishes := make([]Wish, 0, len(asked))
	for _, a := range asked {
		names, err := namesIn(a)
		if err != nil {
			return nil, err
		}
		w := Wish{Asked: a, Path: below(at, names)}
		w.Contents = strings.HasSuffix(a, "/") || path.Base(a) == "." || len(names) == 0
		wishes = append(wishes, w)
	}
	return wishes, nil
}
