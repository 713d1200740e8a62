package receive

import (
	"bytes"
	"hash/maphash"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// folderNames are the names that entries of this delivery have, or are to get, in
// one folder. All but claims and count is the planner's.
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
	e    *entry // nil: settled, and what stands under the name is owned
	next *nameClaim
}

// nameClass says which other spellings a name has that a file system may take for it.
type nameClass uint8

const (
	classASCII nameClass = iota // the case of ASCII letters
	classOther                  // other letters, or their forms
	classPlain                  // none
	classMade                   // it may be made of another name; such are never told apart
	nameClasses
)

func (t *twins) classOf(name string) nameClass {
	switch {
	case t.escapes && strings.Contains(name, "%"):
		return classMade
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

// note adds a name for e, which hashes to h, once.
func (t *twins) note(n *folderNames, h uint64, e *entry, name string) {
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

// others are the names that hash to h and are noted for other entries: those before
// e's, or all of them.
func (t *twins) others(n *folderNames, h uint64, e *entry, all bool) (list []nameClaim) {
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
func (t *twins) follow(n *folderNames, of *entry, name string, e *entry) bool {
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
func (t *twins) settled(e *entry, name string) []*entry {
	n := t.namesOf(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	names := append(make([]string, 0, 4), e.name)
	var followers []*entry
	if e.twin != nil {
		names = append(names, e.twin.alts...)
		followers, e.twin.followers = e.twin.followers, nil
	}
	stands := false
	for _, at := range names {
		h := t.hash(at)
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
