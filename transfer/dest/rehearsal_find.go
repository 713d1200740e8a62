package dest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Stat is storage.Finder's.
func (r *Rehearsal) Stat(e *tree.Entry) (tree.Info, error) {
	d, err := r.parent(e)
	if err != nil {
		return tree.Info{}, fail("looking at", e.Name, err)
	}
	if d == nil {
		return tree.Info{}, fs.ErrNotExist
	}
	info, err := d.Lstat(e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Info{}, fs.ErrNotExist
	}
	return info, fail("looking at", e.Name, err)
}

// Open is storage.Finder's.
func (r *Rehearsal) Open(e *tree.Entry) (storage.File, error) {
	d, err := r.there(e)
	if err != nil {
		return nil, fail("opening", e.Name, err)
	}
	file, info, err := d.OpenFile(e.Name)
	if err != nil {
		return nil, fail("opening", e.Name, err)
	}
	return tree.NewContent(file, info), nil
}

// MayPut is storage.Finder's, but for the name: to ask for that would change something.
func (r *Rehearsal) MayPut(e *tree.Entry) error {
	d, err := r.parent(e)
	if err != nil || d == nil {
		return fail("receiving", e.Name, err)
	}
	r.mu.Lock()
	at := r.entrances[d]
	if at == nil {
		at = new(entrance)
		r.entrances[d] = at
	}
	r.mu.Unlock()
	return fail("receiving", e.Name, at.check(d))
}

// KeepsTime is storage.Finder's.
func (r *Rehearsal) KeepsTime(e *tree.Entry, found tree.Info) bool {
	return r.times.trust(e.MTime, found)
}

// Unchanged is storage.Finder's.
func (r *Rehearsal) Unchanged(_ *tree.Entry, now, before tree.Info) bool {
	return now.SameVersion(before)
}

// Free is storage.Finder's.
func (r *Rehearsal) Free() (int64, error) {
	n, err := freeBytes(r.space)
	if err != nil && !tree.Failing(err) {
		return unknownSpace, nil
	}
	if err != nil {
		return 0, fail("measuring", "", err)
	}
	return n, nil
}

// Allocated is storage.Estimate's. A partial on a file system that is mounted below the
// destination is not found.
func (r *Rehearsal) Allocated(e *tree.Entry) int64 {
	d, err := r.parent(e)
	if err != nil || d == nil {
		return 0
	}
	path := e.Name
	if above := d.Path(); above != "" {
		path = above + "/" + path
	}
	for _, name := range []string{ownStateName(), tree.PartialName} {
		if name == "" {
			continue
		}
		info, err := r.root.Child(name).Lstat(pathHash("", path) + "-" + versionHash(e) + partSuffix)
		if err == nil && !foreign(info) {
			return max(info.Allocated, 0)
		}
	}
	return 0 // there is none, and no more is promised of it than space
}

// Shares is storage.Estimate's. It is tried with a file that never has a name.
func (r *Rehearsal) Shares(e *tree.Entry) bool {
	d, err := r.there(e)
	if err != nil {
		return false
	}
	from, _, err := d.OpenFile(e.Name)
	if err != nil {
		return false
	}
	defer from.Close() // read only
	to, err := d.CreateUnnamed(0o600)
	if err != nil {
		return false
	}
	defer to.Close() // it is gone with that
	return sharesRange(to, from)
}

// Relate is storage.Twins'. Where nothing has either name, the names that are there
// say whether such are told apart; on an empty file system it stays Unknown.
func (r *Rehearsal) Relate(e *tree.Entry, other string, _ bool) (storage.Relation, error) {
	d, err := r.parent(e)
	if err != nil {
		return storage.Unknown, fail("looking at", e.Name, err)
	}
	if d != nil {
		if rel, err := r.listing.relate(d, e.Name, other, false, r.numbersItems(d)); err != nil || rel != storage.Unknown {
			return rel, fail("looking at", e.Name, err)
		}
	}
	if d == nil {
		d = r.above(e.Parent)
	}
	return r.foretell(d, strings.EqualFold(e.Name, other)), nil
}

// Borrowed is storage.Twins'.
func (r *Rehearsal) Borrowed(e *tree.Entry) (bool, error) {
	d, err := r.parent(e)
	if err != nil || d == nil {
		return false, fail("looking at", e.Name, err)
	}
	is, err := borrowed(d, e.Name)
	return is, fail("looking at", e.Name, err)
}

// rulesIn are those of the volume that d is on, by its kind; nil if that cannot be told.
func (r *Rehearsal) rulesIn(d *tree.Dir) *nameRules {
	if d == nil {
		return nil
	}
	info, err := d.Stat()
	if err != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rules := r.rules[info.Dev]; rules != nil {
		return rules
	}
	handle, err := d.Handle()
	if err != nil {
		return nil
	}
	defer handle.Close() // read only
	rules := presumed(handle)
	r.rules[info.Dev] = rules
	return rules
}

// numbersItems reports whether what d is on is known to number items.
func (r *Rehearsal) numbersItems(d *tree.Dir) bool {
	info, err := d.Stat()
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known, asked := r.numbered[info.Dev]
	if asked {
		return known
	}
	handle, err := d.Handle()
	if err != nil {
		return false
	}
	defer handle.Close() // read only
	_, doubtful, _ := nature(handle)
	r.numbered[info.Dev] = numbersItems(doubtful)
	return r.numbered[info.Dev]
}

// above is the nearest folder that is there of those the folder id would be in; nil
// if it cannot be opened.
func (r *Rehearsal) above(id uint64) *tree.Dir {
	r.mu.Lock()
	d := r.over[id]
	r.mu.Unlock()
	switch {
	case d != nil:
		return d
	case r.root != nil:
		return r.root
	}
	d, _ = r.dirs.Open(r.space.Name()) // what cannot be looked at tells nothing
	return d
}

// foretell tells whether names in d that differ in case, or else in the form of
// letters, are related, by a name that is there, in d or in a folder above it on its
// file system.
func (r *Rehearsal) foretell(d *tree.Dir, cases bool) storage.Relation {
	if d == nil {
		return storage.Unknown
	}
	if foldsCase(d) {
		return storage.Together
	}
	info, err := d.Stat()
	if err != nil {
		return storage.Unknown
	}
	at := r.space.Name()
	for {
		if rel := foretellIn(d, cases); rel != storage.Unknown {
			return rel
		}
		if d = d.Parent(); d == nil { // a root: above it are folders that no delivery comes to
			if at == filepath.Dir(at) {
				return storage.Unknown
			}
			at = filepath.Dir(at)
			d, _ = r.dirs.Open(at)
		}
		if d == nil {
			return storage.Unknown
		}
		if up, err := d.Stat(); err != nil || up.Dev != info.Dev {
			return storage.Unknown
		}
	}
}

// foretellIn tries the first name in d that has another spelling of that kind.
func foretellIn(d *tree.Dir, cases bool) storage.Relation {
	names, err := d.ReadNames()
	if err != nil {
		return storage.Unknown
	}
	for _, n := range names {
		i := slices.IndexFunc(tree.Spellings(n.Name), func(other string) bool {
			return strings.EqualFold(n.Name, other) == cases && !listed(names, other)
		})
		if i < 0 {
			continue
		}
		other := tree.Spellings(n.Name)[i]
		switch there, err := found(lstatError(d, other)); {
		case err != nil:
			return storage.Unknown
		case there:
			return storage.Together
		}
		return storage.Apart
	}
	return storage.Unknown
}
