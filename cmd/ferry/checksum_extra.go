package main

import (
	"cmp"
	"context"
	"hash/maphash"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ferry/checksum"
)

// maxRoots is the most top folders of a list that are searched one by one. With more
// of them the whole current folder is searched.
const maxRoots = 1024

// extras finds files that a list does not name. For each name of the list it keeps a
// hash of 16 bytes. The key of the hash is new in each run, so nobody can craft a name
// that collides with another. It belongs to one goroutine.
type extras struct {
	list  os.FileInfo // the list itself, which is never extra; nil if unknown
	given []string    // folders to search; empty: those that the list mentions
	roots map[string]bool
	seeds [2]maphash.Seed
	names []nameHash
}

type nameHash [2]uint64

func newExtras(given []string) *extras {
	return &extras{given: given, roots: make(map[string]bool), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (x *extras) hash(name string) nameHash {
	return nameHash{maphash.String(x.seeds[0], name), maphash.String(x.seeds[1], name)}
}

// add takes a name of the list.
func (x *extras) add(name string) {
	clean := path.Clean(filepath.ToSlash(name))
	x.names = append(x.names, x.hash(clean))
	if root := rootOf(clean); !x.roots[root] && !x.roots["."] {
		x.roots[root] = true
	}
	if len(x.roots) > maxRoots {
		x.roots = map[string]bool{".": true}
	}
}

// rootOf is the folder that is searched for files beside name. For a relative path it
// is the first folder of the path, for a bare name the current folder, and for any other
// path the folder that the file lies in.
func rootOf(clean string) string {
	first, _, below := strings.Cut(clean, "/")
	switch {
	case !below:
		return "."
	case first == ".." || filepath.IsAbs(filepath.FromSlash(clean)):
		return path.Dir(clean)
	}
	return first
}

// each calls tell for each file that was not added, and with an error for each item
// that cannot be read.
func (x *extras) each(ctx context.Context, tell func(path string, err error) error) error {
	slices.SortFunc(x.names, compareHashes)
	for _, root := range x.folders() {
		err := checksum.Walk(ctx, root, func(p string, err error) error {
			clean := path.Clean(filepath.ToSlash(p))
			switch {
			case err != nil:
				return tell(p, err)
			case x.named(clean) || x.isList(p):
				return nil
			}
			return tell(clean, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// folders are the roots in their order, none inside another.
func (x *extras) folders() []string {
	roots := x.given
	if len(roots) == 0 {
		for r := range x.roots {
			roots = append(roots, r)
		}
	}
	roots = slices.Sorted(slices.Values(roots))
	if len(x.given) > 0 {
		return roots
	}
	kept := roots[:0]
	for _, r := range roots {
		inside := func(k string) bool {
			return strings.HasPrefix(r, strings.TrimSuffix(k, "/")+"/") || k == "." && r[0] != '/' && r != ".." && !strings.HasPrefix(r, "../")
		}
		if !slices.ContainsFunc(kept, inside) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (x *extras) named(clean string) bool {
	_, found := slices.BinarySearchFunc(x.names, x.hash(clean), compareHashes)
	return found
}

func (x *extras) isList(p string) bool {
	if x.list == nil {
		return false
	}
	info, err := os.Stat(p)
	return err == nil && os.SameFile(info, x.list)
}

func compareHashes(a, b nameHash) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}
