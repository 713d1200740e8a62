package receive

import (
	"bytes"
	"hash/maphash"
	"strings"
	"sync"

	"ferry/transfer"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

const (
	// maxUnsure is how many names of a folder are noted before it is asked whether
	// it tells names apart; then most of them are forgotten.
	maxUnsure = 4096
	// maxUnsureAll is the same for all open folders together.
	maxUnsureAll = 1 << 16
	// maxNames bounds the names noted of folders that fold, 32 MiB or so.
	maxNames = 1 << 18
)

// twins keeps entries of one delivery from taking each other's place where the
// file system takes two names for one. It notes the names of the entries in open
// folders by tree.FoldKey. Only names of one key are looked at on disk, so that a
// tree without such names costs no system call. The entry that comes first has the
// name; one that comes while it is on its way waits for its verdict.
type twins struct {
	dst storage.Twins
	// keep: names are noted where the file system tells them apart too, since this
	// delivery itself makes up names.
	keep bool
	seed maphash.Seed
	top  folderNames // of the destination; other folders have theirs in inFolder

	mu    sync.Mutex // guards what follows, and claims of all folderNames
	total int
}

// folderNames are the names that entries of this delivery have, or are to get, in
// one folder. All but claims is plan's.
type folderNames struct {
	claims map[uint64]*nameClaim // by hash of the key
	count  int
	ask    int               // the count at which the folder is asked
	cases  storage.Relation  // of ASCII names that differ in case only
	apart  [nameClasses]bool // names of that class need no noting
	full   bool              // a name was not noted for want of room
}

// nameClaim is a name of an entry. The oldest of a key comes first.
type nameClaim struct {
	name string
	e    *inEntry // nil: settled, and what stands under the name is owned
	next *nameClaim
}

// twinState is what twins knows of an entry for which it matters.
type twinState struct {
	of        string     // the earlier item whose place e would take; empty: none
	alts      []string   // further names noted for e
	followers []*inEntry // entries that wait for e's verdict
	differs   bool       // what has e's name was compared
	unsure    bool       // names before e were not noted
}

func newTwins(dst storage.Twins, policy transfer.ConflictPolicy) *twins {
	if dst == nil {
		return nil
	}
	return &twins{dst: dst, keep: policy == transfer.ConflictRename || policy == transfer.ConflictAsk, seed: maphash.MakeSeed()}
}

// nameClass says which other spellings a name has that a file system may take for it.
type nameClass uint8

const (
	classASCII nameClass = iota // the case of ASCII letters
	classOther                  // other letters, or their forms
	classPlain                  // none
	nameClasses
)

func classOf(name string) nameClass {
	switch {
	case len(tree.Spellings(name)) == 0:
		return classPlain
	case tree.IsASCII(name):
		return classASCII
	}
	return classOther
}

// hash is of name's key. Most names are ASCII, and cost no memory.
func (t *twins) hash(name string) uint64 {
	var key [tree.MaxName]byte
	if len(name) > len(key) || !tree.IsASCII(name) {
		return maphash.String(t.seed, tree.FoldKey(name))
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		key[i] = c
	}
	return maphash.Bytes(t.seed, bytes.TrimRight(key[:len(name)], ". "))
}

// hashOf is hash for a name of e. Its own is hashed once.
func (t *twins) hashOf(e *inEntry, name string) uint64 {
	if name != e.name {
		return t.hash(name)
	}
	if e.fold == 0 {
		e.fold = t.hash(name)
	}
	return e.fold
}

// namesOf are those of the folder that e goes into.
func (t *twins) namesOf(e *inEntry) *folderNames {
	if e.parent == nil || e.parent.root {
		return &t.top
	}
	return &e.parent.names
}

// twinState is e's, made when it is first needed.
func (e *inEntry) twinState() *twinState {
	if e.twin == nil {
		e.twin = &twinState{}
	}
	return e.twin
}

// unsure tells whether e may have the name of an earlier item that was not noted.
func (e *inEntry) unsure() bool { return e.twin != nil && e.twin.unsure }

// isTwin tells whether e would take the place of an earlier item.
func (e *inEntry) isTwin() bool { return e.twin != nil && e.twin.of != "" }

// note adds a name for e, once.
func (t *twins) note(n *folderNames, e *inEntry, name string) {
	h := t.hashOf(e, name)
	t.mu.Lock()
	defer t.mu.Unlock()
	at := n.claims[h]
	for c := at; c != nil; c = c.next {
		if c.e == e && c.name == name {
			return
		}
		at = c
	}
	if t.total >= maxNames {
		n.full = true
		return
	}
	t.add(n, h, at, &nameClaim{name: name, e: e})
}

// add appends c to the chain that ends with last. Callers hold mu.
func (t *twins) add(n *folderNames, h uint64, last, c *nameClaim) {
	if last != nil {
		last.next = c
	} else {
		if n.claims == nil {
			n.claims = make(map[uint64]*nameClaim)
		}
		n.claims[h] = c
	}
	n.count++
	t.total++
}

// others are the names of name's key noted for other entries: those before e's, or
// all of them.
func (t *twins) others(n *folderNames, e *inEntry, name string, all bool) (list []nameClaim) {
	h := t.hashOf(e, name)
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := n.claims[h]; c != nil; c = c.next {
		if c.e != e {
			list = append(list, nameClaim{name: c.name, e: c.e})
		} else if !all {
			break
		}
	}
	return list
}

// follow has e planned again once of, which has name, is settled. It reports false
// if that is so by now.
func (t *twins) follow(n *folderNames, of *inEntry, name string, e *inEntry) bool {
	h := t.hash(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := n.claims[h]; c != nil; c = c.next {
		if c.e == of && c.name == name {
			s := of.twinState()
			s.followers = append(s.followers, e)
			return true
		}
	}
	return false
}

// settled notes where e stands, or with an empty name that nothing of it does, and
// returns the entries that waited for that.
func (t *twins) settled(e *inEntry, name string) []*inEntry {
	n := t.namesOf(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	names := append(make([]string, 0, 4), e.name)
	var followers []*inEntry
	if e.twin != nil {
		names = append(names, e.twin.alts...)
		followers, e.twin.followers = e.twin.followers, nil
	}
	stands := false
	for _, at := range names {
		h := t.hashOf(e, at)
		var before *nameClaim
		for c := n.claims[h]; c != nil; c = c.next {
			if c.e != e || c.name != at {
				before = c
				continue
			}
			if at == name {
				c.e, stands = nil, true
				break
			}
			switch {
			case before != nil:
				before.next = c.next
			case c.next != nil:
				n.claims[h] = c.next
			default:
				delete(n.claims, h)
			}
			n.count--
			t.total--
			break
		}
	}
	if name != "" && !stands && name != e.name && t.total < maxNames {
		h := t.hash(name)
		last := n.claims[h]
		for last != nil && last.next != nil {
			last = last.next
		}
		t.add(n, h, last, &nameClaim{name: name})
	}
	return followers
}

// drop forgets the names of a folder to which nothing more comes.
func (t *twins) drop(n *folderNames) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total -= n.count
	n.claims, n.count = nil, 0
}

// relate tells how a name of e is related to one that another entry has.
func (t *twins) relate(n *folderNames, e *inEntry, name string, to nameClaim) (storage.Relation, error) {
	if name == to.name {
		return storage.Together, nil
	}
	cases := tree.IsASCII(name) && tree.IsASCII(to.name) && strings.EqualFold(name, to.name)
	if cases && n.cases != storage.Unknown {
		return n.cases, nil
	}
	probe := *e.entry
	probe.Name = name
	rel, err := t.dst.Relate(&probe, to.name, to.e == nil)
	if cases && err == nil {
		n.cases = rel
	}
	return rel, err
}

// learn asks a folder of which many names are noted whether it tells them apart,
// by names that stand there, and forgets those that it does.
func (t *twins) learn(n *folderNames, e *inEntry) error {
	t.mu.Lock()
	n.ask = max(2*n.count, maxUnsure)
	t.mu.Unlock()
	n.apart[classPlain] = true
	for _, class := range []nameClass{classASCII, classOther} {
		if err := t.learnClass(n, e, class); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for h, c := range n.claims {
		// What is on its way is told of by its entry.
		if c.next == nil && c.e == nil && n.apart[classOf(c.name)] {
			delete(n.claims, h)
			n.count--
			t.total--
		}
	}
	return nil
}

// learnTries is how many names are tried.
const learnTries = 8

func (t *twins) learnClass(n *folderNames, e *inEntry, class nameClass) error {
	var tries []string
	t.mu.Lock()
	for _, c := range n.claims {
		if c.e == nil && classOf(c.name) == class {
			if tries = append(tries, c.name); len(tries) == learnTries {
				break
			}
		}
	}
	t.mu.Unlock()
	probe := *e.entry
	for _, name := range tries {
		told := storage.Unknown
		for _, probe.Name = range tree.Spellings(name) {
			rel, err := t.dst.Relate(&probe, name, true)
			if err != nil {
				return err
			}
			if told = rel; rel != storage.Apart {
				break
			}
		}
		if told != storage.Unknown {
			n.apart[class] = told == storage.Apart
			return nil
		}
	}
	return nil
}

// many tells whether so many names are noted that n is to be asked.
func (t *twins) many(n *folderNames) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n.count >= n.ask && (n.count >= maxUnsure || t.total >= maxUnsureAll)
}
