package dest

import (
	"os"
	"runtime"
	"syscall"
	"unicode/utf8"

	"ferry/transfer/tree"
)

// storing is under which names a destination stores items, with Options.EscapeNames: a name
// that the file system does not hold is escaped. Whether it holds one, its rules say, which
// know a volume by what it refused. The zero value stores each item under its own.
type storing struct {
	// rules returns what is known of the file system of a folder; nil if that cannot be told.
	// Nil itself: nothing is escaped.
	rules func(*tree.Dir) *nameRules
}

func (n storing) escapes() bool { return n.rules != nil }

// fitter is storage.Names.
type fitter struct{ nodes *nodes }

// Fit is storage.Names'. The volume is asked, once for each trait.
func (f *fitter) Fit(e *tree.Entry) (string, error) {
	n, err := f.nodes.get(e.Parent)
	if err == nil {
		err = tree.CheckComponent(e.Name)
	}
	if err != nil {
		return "", fail("naming", e.Name, err)
	}
	rules, state := &n.vol.rules, n.vol.state
	if rules.holds(state, e.Name) == nil {
		return e.Name, nil
	}
	name := rules.escape(e.Name)
	return name, f.nodes.fail("naming", e, rules.holds(state, name))
}

// holds fails if no item can have the name on the volume of state.
func (s *nameRules) holds(state *stateFolder, name string) error {
	if err := tree.CheckName(name); err != nil {
		return err
	}
	return s.check(state, name)
}

// escape returns the name for an item whose own is not held.
func (s *nameRules) escape(name string) string {
	most := tree.MaxName
	if s != nil && s.longest > 0 {
		most = int(min(s.longest, tree.MaxName))
	}
	return tree.EscapeName(name, most)
}

// holding is whether a name is held.
type holding uint8

const (
	mayHold holding = iota // a trait of it was not asked about
	holdsIt
	refusesIt
)

// known tells, of a name that tree.CheckComponent takes, what was found out so far.
func (s *nameRules) known(name string) holding {
	switch {
	case tree.CheckName(name) != nil:
		return refusesIt
	case s == nil:
		return mayHold
	case s.longest > 0 && int64(len(name)) > s.longest:
		return refusesIt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := holdsIt
	for i := range traits {
		switch {
		case !traits[i].has(name):
		case s.bad[i]:
			return refusesIt
		case !s.asked[i]:
			found = mayHold
		}
	}
	return found
}

// at is the name in d for an item that has name at the source, by what is known, and by what
// stands there. Nothing is written for it. D may be nil, of a folder that is not there.
func (n storing) at(d *tree.Dir, name string, rules *nameRules) string {
	escaped := rules.escape(name)
	if escaped == name {
		return name
	}
	switch rules.known(name) {
	case refusesIt:
		return escaped
	case mayHold:
		if d != nil && lstatError(d, name) != nil && lstatError(d, escaped) == nil {
			return escaped
		}
	}
	return name
}

// stored is at, with the rules of d.
func (n storing) stored(d *tree.Dir, name string) string {
	if !n.escapes() {
		return name
	}
	return n.at(d, name, n.rules(d))
}

// original is the name that an item may have at the source, of one that no source has now.
func (n storing) original(name string) string {
	if n.escapes() {
		if own, ok := tree.UnescapeName(name); ok {
			return own
		}
	}
	return name
}

// escaped are the names of a source folder by those under which items with them are stored in
// d. A name that d is not known to hold counts as escaped.
func (n storing) escaped(d *tree.Dir, names []tree.DirName) map[string]string {
	rules, by := n.rules(d), make(map[string]string)
	for _, it := range names {
		if at := rules.escape(it.Name); at != it.Name && rules.known(it.Name) != holdsIt {
			by[at] = it.Name
		}
	}
	return by
}

// rulesIn are those of the volume that d is on.
func (s *volumes) rulesIn(d *tree.Dir) *nameRules {
	if d == nil {
		return nil
	}
	v, _, err := s.at(d)
	if err != nil {
		return nil
	}
	return &v.rules
}

// presumed are rules that are known by the kind of the file system of handle, without asking
// it anything that would change it.
func presumed(handle *os.File) *nameRules {
	_, doubtful, longest := nature(handle)
	r := &nameRules{longest: longest}
	if runtime.GOOS != "linux" {
		return r
	}
	refuses := refusesSigns(handle)
	for i := range traits {
		p := traits[i].probe
		sign := len(p) == 3 && p[0] == 'x' && p[1] < utf8.RuneSelf
		r.bad[i] = refuses && sign
		r.asked[i] = r.bad[i] || !doubtful
	}
	return r
}

// Fit is storage.Names', by the kind of the file system, and by what stands there.
func (r *Rehearsal) Fit(e *tree.Entry) (string, error) {
	if err := tree.CheckComponent(e.Name); err != nil {
		return "", fail("naming", e.Name, err)
	}
	d, err := r.folder(e.Parent)
	if err != nil {
		return "", fail("naming", e.Name, err)
	}
	in := d
	if in == nil {
		in = r.above(e.Parent)
	}
	name := r.storing.at(d, e.Name, r.storing.rules(in))
	if r.storing.rules(in).known(name) == refusesIt {
		return "", fail("naming", e.Name, &nameError{name, syscall.ENAMETOOLONG})
	}
	return name, nil
}
