package tree

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a List: it is sorted before the first item is sent, so it is in
// memory whole, in about twice its bytes.
const (
	maxListPaths = 1 << 22
	maxListBytes = 256 << 20 // of the paths as they are kept
)

// List is a set of paths below one named source, read by ReadList. It does not
// change and may be used from many goroutines.
type List struct {
	// paths are in the order of a walk: those below another right after it.
	paths []string
	all   bool // the source itself is named
}

// ReadList reads the whole list with a listReader. Duplicates count once. A path
// below another goes with that, and is a problem of the walk if it is not there.
//
// Errors: those of listReader.Next, ErrName and ErrTooDeep included, but for
// names of state folders, which are passed over; and more than maxListPaths or maxListBytes.
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

// Empty reports that the list names nothing.
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

// comparePaths orders slash paths as a walk comes to them: what is in a folder
// right after it, though "-" and "." are below "/".
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

// nextListed takes the first component, behind skip bytes, off the paths below one
// folder: n of them have it, and whole says that the first is it itself.
func nextListed(paths []string, skip int) (name string, n int, whole bool) {
	name, _, more := strings.Cut(paths[0][skip:], "/")
	prefix := paths[0][:skip] + name + "/"
	for n = 1; n < len(paths) && strings.HasPrefix(paths[n], prefix); n++ {
	}
	return name, n, !more
}

// listedBelow returns those of paths, all below one folder, that lie below name in it or
// are it, and how many. Those of the folder itself begin behind skip bytes.
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
