package tree

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a List. It is sorted before the first item is sent, so it is in memory whole,
// in about twice its bytes.
const (
	maxListPaths = 1 << 22
	maxListBytes = 256 << 20 // of the paths as they are kept
)

// List is a set of paths below one named source, read by ReadList. It does not
// change and may be used from many goroutines.
type List struct {
	// paths are in the order of a walk: a path is followed by the paths below it.
	paths []string
	all   bool // the source itself is named
}

// ReadList reads the whole list from in. The name of the list appears in errors. Paths
// end in a newline or, with from0, in a zero byte. They are relative to the source.
//
// Duplicates count once. A path below another listed path is taken with it, and is a
// problem of the walk if it is not there. Names of state folders are passed over.
//
// Errors: ErrName for a path that is absolute, goes through ".." or has a name that
// CheckName refuses, ErrTooDeep for a path beyond MaxPath or MaxDepth, those of in, and
// more than 4 Mi paths or 256 MiB of them.
func ReadList(in io.Reader, name string, from0 bool) (*List, error) {
	reader := newListReader(in, name, from0)
	l := &List{}
	size := 0
	for {
		path, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, ErrOwnState) {
			continue // find lists it too; a walk leaves it out
		}
		if err != nil {
			return nil, err
		}
		if path == "." {
			l.all = true
			continue
		}
		size += len(path)
		if len(l.paths) == maxListPaths || size > maxListBytes {
			return nil, fmt.Errorf("%s has more than %d paths or %d bytes", name, maxListPaths, maxListBytes)
		}
		l.paths = append(l.paths, path)
	}
	slices.SortFunc(l.paths, comparePaths)
	l.paths = slices.Compact(l.paths)
	return l, nil
}

// Empty reports whether the list names nothing.
func (l *List) Empty() bool { return !l.all && len(l.paths) == 0 }

// part is what a walk takes of the source.
func (l *List) part() part {
	if l == nil {
		return part{}
	}
	return part{some: !l.all, listed: l.paths}
}

// part is what a walk takes of an item: all of it, or some of what is in it.
type part struct {
	some bool // only what is listed is taken, and the folders above it
	// listed are paths below the source that have to be met at the item or in it, in
	// the order of a walk.
	listed []string
}

// comparePaths orders slash paths as a walk comes to them: what is in a folder comes
// right after it, although "-" and "." are smaller bytes than "/".
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

// nextListed returns the component behind skip bytes of the first path. All paths are
// below one folder; n of them have the same component there. Whole says that the first
// path ends with it.
func nextListed(paths []string, skip int) (name string, n int, whole bool) {
	name, _, more := strings.Cut(paths[0][skip:], "/")
	prefix := paths[0][:skip] + name + "/"
	for n = 1; n < len(paths) && strings.HasPrefix(paths[n], prefix); n++ {
	}
	return name, n, !more
}

// listedBelow returns the paths that lie below name, and how many of the paths are name or
// lie below it. All paths are below one folder, whose names begin behind skip bytes.
func listedBelow(paths []string, skip int, name string) (below []string, n int) {
	if len(paths) == 0 {
		return nil, 0
	}
	from, found := slices.BinarySearchFunc(paths, paths[0][:skip]+name, comparePaths)
	to := from
	if found {
		to++
	}
	below = paths[to:]
	prefix := paths[0][:skip] + name + "/"
	for n = 0; n < len(below) && strings.HasPrefix(below[n], prefix); n++ {
	}
	return below[:n], to - from + n
}
