package receive

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"ferry/framing"
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
// name; one that comes while it is on its way waits for its verdict. A nil *twins is of a
// destination where no two names are one.
//
// The planner alone calls it, but for settled and drop.
type twins struct {
	dst storage.Twins
	// keep: names are noted where the file system tells them apart too, since this
	// delivery itself makes up names.
	keep bool
	// escapes: the destination makes names with a %, which items may have as their own.
	escapes bool
	seed    maphash.Seed
	top     folderNames // of the destination; other folders have theirs in folder

	mu    sync.Mutex // guards what follows, and claims of all folderNames
	total int
}

// twinState is what twins knows of an entry for which it matters.
type twinState struct {
	of        string   // the earlier item whose place e would take; empty: none
	alts      []string // further names noted for e
	followers []*entry // entries that wait for e's verdict
	differs   bool     // what has e's name was compared
	unsure    bool     // names before e were not noted
}

func newTwins(s *site, policy transfer.ConflictPolicy, backup *transfer.Backup) *twins {
	if s.Twins == nil {
		return nil
	}
	return &twins{dst: s.Twins, escapes: s.Names != nil, keep: policy == transfer.ConflictRename || policy == transfer.ConflictAsk || backup != nil && backup.Folder == "", seed: maphash.MakeSeed()}
}

// namesOf are those of the folder that e goes into.
func (t *twins) namesOf(e *entry) *folderNames {
	if e.parent == nil || e.parent.root {
		return &t.top
	}
	return &e.parent.names
}

// twinState is e's, made when it is first needed.
func (e *entry) twinState() *twinState {
	if e.twin == nil {
		e.twin = &twinState{}
	}
	return e.twin
}

// unsure tells whether e may have the name of an earlier item that was not noted.
func (e *entry) unsure() bool { return e.twin != nil && e.twin.unsure }

// isTwin tells whether e would take the place of an earlier item.
func (e *entry) isTwin() bool { return e.twin != nil && e.twin.of != "" }

// meet holds e against the entries that came before it. wait says that one of them
// is to be settled first, and e is planned again then.
func (t *twins) meet(e *entry) (wait bool, err error) {
	if t == nil || e.kind == tree.Root {
		return false, nil
	}
	n, h := t.namesOf(e), t.hash(e.name)
	if !t.keep && t.many(n) {
		if err := t.learn(n, e); err != nil {
			return false, err
		}
	}
	if n.apart == [nameClasses]bool{} || !n.apart[t.classOf(e.name)] {
		t.note(n, h, e, e.name)
	}
	if e.twin != nil {
		e.twin.of = ""
	}
	if n.full {
		e.twinState().unsure = true
	}
	if tree.IsShortName(e.name) {
		is, err := t.dst.Borrowed(e.item)
		if err != nil {
			return false, err
		}
		if is {
			e.twinState().of = "another item"
		}
	}
	for _, c := range t.others(n, h, e, false) {
		rel, err := t.relate(n, e, e.name, c)
		switch {
		case err != nil:
			return false, err
		case rel == storage.Apart, rel == storage.Unknown && c.e == nil:
			continue
		case c.e != nil && canWait(e, c.e):
			if !t.follow(n, c.e, c.name, e) {
				return t.meet(e) // it was settled since the disk was looked at
			}
			return true, nil
		case rel == storage.Together:
			e.twinState().of = e.parent.child(c.name)
			return false, nil
		}
	}
	return false, nil
}

// canWait: the children of a folder come next, and somebody may write to two FIFOs
// in turn.
func canWait(e, of *entry) bool {
	return e.kind != tree.Folder && e.kind != tree.Stream && of.kind != tree.Stream
}

// taken tells whether another entry of this delivery has the name, or is to get it,
// that is looked at for e. As in meet, e waits for earlier entries only: so none
// waits for itself.
func (t *twins) taken(e *entry, name string) (taken, wait bool, err error) {
	if t == nil {
		return false, false, nil
	}
	n := t.namesOf(e)
	for _, c := range t.others(n, t.hash(name), e, true) {
		rel, err := t.relate(n, e, name, c)
		switch {
		case err != nil:
			return false, false, err
		case rel == storage.Apart, rel == storage.Unknown && c.e == nil:
			continue
		case c.e != nil && c.e.id < e.id && canWait(e, c.e):
			if !t.follow(n, c.e, c.name, e) {
				return t.taken(e, name) // as in meet
			}
			return false, true, nil
		}
		return true, false, nil
	}
	return false, false, nil
}

// claim notes a name that e is to get, or is compared with.
func (t *twins) claim(e *entry, name string) {
	if t == nil {
		return
	}
	t.note(t.namesOf(e), t.hash(name), e, name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := e.twinState(); !slices.Contains(s.alts, name) {
		s.alts = append(s.alts, name)
	}
}

// errTwin is why an item fails that would take the place of another one.
func errTwin(e *entry) *transfer.Error {
	if e.twin.of == e.path() {
		return errStored
	}
	return &transfer.Error{Code: framing.CodeConflict, Err: fmt.Errorf(
		"the file system there takes its name for that of %s, which is delivered too; --on-conflict rename gives it another name", e.twin.of)}
}

// errStored is why an item fails whose escaped name is another one's own, or the reverse.
var errStored = &transfer.Error{Code: framing.CodeConflict, Err: errors.New(
	"another item that is delivered too is stored under that name there; --on-conflict rename gives this one another name")}

// errUnsure is why one is not replaced that may have been delivered before.
var errUnsure = &transfer.Error{Code: framing.CodeConflict, Err: errors.New(
	"the file system there may take its name for another one, and its folder has too many to remember: deliver it by itself")}

// meetMade holds a folder, now that it stands, against entries that are on their
// way.
func (t *twins) meetMade(e *entry) error {
	if t == nil {
		return nil
	}
	n := t.namesOf(e)
	for _, c := range t.others(n, t.hash(e.name), e, false) {
		rel, err := t.relate(n, e, e.name, c)
		if err != nil {
			return err
		}
		if rel == storage.Together {
			e.twinState().of = e.parent.child(c.name)
			return nil
		}
	}
	return nil
}

// relate tells how a name of e is related to one that another entry has.
func (t *twins) relate(n *folderNames, e *entry, name string, to nameClaim) (storage.Relation, error) {
	if name == to.name {
		return storage.Together, nil
	}
	cases := tree.IsASCII(name) && tree.IsASCII(to.name) && strings.EqualFold(name, to.name)
	if cases && n.cases != storage.Unknown {
		return n.cases, nil
	}
	probe := *e.item
	probe.Name = name
	rel, err := t.dst.Relate(&probe, to.name, to.e == nil)
	if cases && err == nil {
		n.cases = rel
	}
	return rel, err
}

// learn asks a folder of which many names are noted whether it tells them apart,
// by names that stand there, and forgets those that it does.
func (t *twins) learn(n *folderNames, e *entry) error {
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
		if c.next == nil && c.e == nil && n.apart[t.classOf(c.name)] {
			delete(n.claims, h)
			n.count--
			t.total--
		}
	}
	return nil
}

// learnTries is how many names are tried.
const learnTries = 8

func (t *twins) learnClass(n *folderNames, e *entry, class nameClass) error {
	var tries []string
	t.mu.Lock()
	for _, c := range n.claims {
		if c.e == nil && t.classOf(c.name) == class {
			if tries = append(tries, c.name); len(tries) == learnTries {
				break
			}
		}
	}
	t.mu.Unlock()
	probe := *e.item
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
