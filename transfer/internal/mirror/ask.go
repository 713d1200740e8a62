package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/here"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

const (
	// maxAnswer bounds an answer, in bytes of names and paths.
	maxAnswer = 256 << 20
	// nameCost is what a name costs beside its bytes.
	nameCost = 32
	// maxVerdicts is how many answers about rules are kept.
	maxVerdicts = 1 << 14
)

// Asker asks the sender what its sources have. One goroutine at a time asks: turn sees to
// that.
type Asker struct {
	ctx    context.Context // the delivery's: it ends every wait
	out    framing.Stream  // stream 0
	worked func()          // an answer is work: no standstill
	turn   chan struct{}   // has an element while somebody asks

	mu     sync.Mutex // guards what follows
	wait   chan struct{}
	answer answer // as far as it has come

	known    answer          // the last one about folders; of whoever has the turn
	verdicts map[string]bool // by source, folder, path and kind; likewise
	marks    map[string]bool // of the sources; likewise
	here     here.Machine
}

// answer is what was told, by source and path.
type answer struct {
	folders map[place]*told
	size    int
	open    *told // goes on with the next LISTING
}

type place struct {
	source uint64
	path   string
}

// told is a folder as it was told of.
type told struct {
	flags uint8
	look  storage.FolderLook
	marks []byte // of the names
	err   error
}

// NewAsker asks on stream 0.
func NewAsker(ctx context.Context, out framing.Stream, worked func()) *Asker {
	return &Asker{ctx: ctx, out: out, worked: worked, turn: make(chan struct{}, 1), verdicts: make(map[string]bool), here: here.This()}
}

// Put takes a part of the answer.
func (a *Asker) Put(m *framing.Listing) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wait == nil {
		return failure.Violation("LISTING that nobody asked for")
	}
	if err := a.answer.add(m); err != nil {
		return err
	}
	if m.Flags&framing.ListingLast != 0 {
		if a.answer.open != nil {
			return failure.Violation("LISTING ends an answer in the midst of a folder")
		}
		close(a.wait)
		a.wait = nil
	}
	return nil
}

func (a *answer) add(m *framing.Listing) error {
	at := place{m.Source, string(m.Path)}
	t := a.open
	if t == nil {
		if a.folders[at] != nil {
			return failure.Violation("LISTING of %q again", m.Path)
		}
		t = &told{flags: m.Flags, look: storage.FolderLook{MTime: tree.Time{Sec: m.Sec, Nsec: m.Nsec}, Foreign: m.Flags&framing.ListingForeign != 0}}
		if m.Code == framing.CodeNone {
			t.look.Path = string(m.Message)
		}
		a.folders[at] = t
	} else if a.folders[at] != t {
		return failure.Violation("LISTING of %q in the midst of another folder", m.Path)
	}
	a.open = nil
	if m.Flags&framing.ListingMore != 0 {
		a.open = t
	}
	if t.err == nil {
		t.err = errorOf(m)
	}
	a.size += len(m.Path) + len(m.Message) + len(m.Marks) + nameCost
	t.marks = append(t.marks, m.Marks...)
	for _, n := range m.Names {
		if a.size += len(n.Name) + nameCost; a.size > maxAnswer {
			return failure.Violation("more than %d bytes in answer to one ASK", maxAnswer)
		}
		kind := tree.Kind(n.Kind)
		if kind == 0 {
			kind = tree.KindOther
		}
		t.look.Names = append(t.look.Names, tree.DirName{Name: string(n.Name), Kind: kind})
	}
	return nil
}

// errorOf is why a folder cannot be told of.
func errorOf(m *framing.Listing) error {
	switch m.Code {
	case framing.CodeNone:
		return nil
	case framing.CodeChanged:
		return storage.ErrSourceChanged
	}
	if len(m.Message) == 0 {
		return fmt.Errorf("at the source: %v", m.Code)
	}
	return fmt.Errorf("at the source: %s", m.Message)
}

// ask asks, and waits for the whole answer. The caller has the turn.
func (a *Asker) ask(m framing.Ask) (answer, error) {
	whole := make(chan struct{})
	a.mu.Lock()
	a.wait, a.answer = whole, answer{folders: make(map[place]*told)}
	a.mu.Unlock()
	if err := a.out.Send(true, framing.TypeAsk, m.Append(nil)); err != nil {
		return answer{}, failure.Link("asking what the source has", err)
	}
	select {
	case <-whole:
	case <-a.ctx.Done():
		return answer{}, context.Cause(a.ctx)
	}
	a.worked()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answer, nil
}

// take waits for the turn, and returns what gives it back.
func (a *Asker) take() func() {
	a.turn <- struct{}{} // whoever has it ends with ctx at the latest
	return func() { <-a.turn }
}

// Sources asks which sources there are. Named tells whether a top-level folder of that name,
// or with an empty one what is in a folder, was delivered: of others nothing is believed,
// and nothing removed.
func (a *Asker) Sources(delivered func(name string) bool) ([]storage.PruneSource, error) {
	defer a.take()()
	got, err := a.ask(framing.Ask{Kind: framing.AskSources})
	if err != nil {
		return nil, err
	}
	list := got.folders[place{}]
	switch {
	case list == nil || len(got.folders) != 1:
		return nil, failure.Violation("an answer about which sources there are, which is about folders")
	case list.err != nil:
		return nil, &transfer.Error{Op: "deleting:", Code: framing.CodeUnreadable, Remote: true, Err: list.err}
	}
	a.marks = make(map[string]bool)
	for mark := range slices.Chunk(list.marks, framing.MarkSize) {
		a.marks[string(mark)] = true
	}
	seen := make(map[string]bool)
	sources := make([]storage.PruneSource, len(list.look.Names))
	for i, n := range list.look.Names {
		s := &sources[i]
		s.Name = n.Name
		if n.Name != "" && (seen[n.Name] || tree.CheckComponent(n.Name) != nil) {
			return nil, failure.Violation("the source %q", n.Name)
		}
		seen[n.Name] = true
		if n.Kind == tree.Folder && delivered(n.Name) {
			s.Path = n.Name
			s.Folder = func() storage.SourceFolder { return &far{asker: a, at: place{source: uint64(i)}} }
		} else if n.Name == "" {
			return nil, failure.Violation("a source that lands as no folder, without a name")
		}
	}
	return sources, nil
}

// Own reports whether a folder here is a source that Sources told of: the other side is on
// this machine then. A source that stands in the destination is not to be deleted.
func (a *Asker) Own(info tree.Info) bool {
	defer a.take()()
	mark := a.here.Mark(info)
	return mark != nil && a.marks[string(mark)]
}

// far is a folder at the other side: a storage.SourceFolder.
type far struct {
	asker *Asker
	at    place
	told  *told
}

// Look is storage.SourceFolder's.
func (f *far) Look() (storage.FolderLook, error) {
	defer f.asker.take()()
	t := f.asker.known.folders[f.at]
	if t == nil {
		got, err := f.asker.ask(framing.Ask{Kind: framing.AskFolder, Source: f.at.source, Path: []byte(f.at.path)})
		if err != nil {
			return storage.FolderLook{}, err
		}
		if t = got.folders[f.at]; t == nil {
			return storage.FolderLook{}, failure.Violation("an answer without the folder %q", f.at.path)
		}
		f.asker.known = got
	}
	delete(f.asker.known.folders, f.at) // looked at once more, it is asked for
	if t.err == nil {
		t.err = t.tidy()
	}
	f.told = t
	return t.look, t.err
}

// tidy drops what can have no name, here or elsewhere, and holds the rest against the order.
func (t *told) tidy() error {
	kept := t.look.Names[:0]
	for _, n := range t.look.Names {
		if tree.CheckComponent(n.Name) != nil {
			continue
		}
		if len(kept) > 0 && kept[len(kept)-1].Name >= n.Name {
			return errOrder
		}
		kept = append(kept, n)
	}
	t.look.Names = kept
	return nil
}

// errOrder: nothing is deleted by such a list.
var errOrder = errors.New("the other side tells the names in the folder in no order")

// Find is storage.SourceFolder's.
func (f *far) Find(name string) (tree.Kind, error) {
	if f.told != nil {
		if at, listed := find(f.told.look.Names, name); listed {
			return f.told.look.Names[at].Kind, nil
		}
	}
	return 0, nil
}

// Delivers is storage.SourceFolder's.
func (f *far) Delivers() bool { return f.told != nil && f.told.flags&framing.ListingDelivers != 0 }

// LeavesOut is storage.SourceFolder's. Most folders have no rules, and nobody is asked.
func (f *far) LeavesOut(rel string, folder bool) (bool, error) {
	if f.told == nil || f.told.flags&framing.ListingRules == 0 {
		return false, nil
	}
	a := f.asker
	defer a.take()()
	key := fmt.Sprintf("%d\x00%s\x00%s\x00%t", f.at.source, f.at.path, rel, folder)
	if out, known := a.verdicts[key]; known {
		return out, nil
	}
	got, err := a.ask(framing.Ask{Kind: framing.AskRules, Source: f.at.source, Path: []byte(f.at.path), Item: []byte(rel), Folder: folder})
	if err != nil {
		return false, err
	}
	t := got.folders[f.at]
	if t == nil {
		return false, failure.Violation("an answer about another folder than %q", f.at.path)
	}
	if t.err != nil {
		return false, t.err
	}
	out := len(t.look.Names) > 0
	if len(a.verdicts) < maxVerdicts {
		a.verdicts[key] = out
	}
	return out, nil
}

// Child is storage.SourceFolder's.
func (f *far) Child(name string) storage.SourceFolder {
	path := name
	if f.at.path != "" {
		path = f.at.path + "/" + name
	}
	return &far{asker: f.asker, at: place{f.at.source, path}}
}

var _, _ storage.SourceFolder = (*far)(nil), (*folder)(nil)
