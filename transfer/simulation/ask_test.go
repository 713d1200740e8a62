package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simAsk is what the receiver asks of the sender: the delivery itself, and what it may
// delete. It is drawn apart from the rest of a plan, as moves are.
type simAsk struct {
	pull   bool
	mirror bool
	stale  int // things that the destination has and the sources have not
	// cut strikes while it is deleted, at the nth item that is looked at; nil for none.
	cut    *simFault
	nth    int64
	looked atomic.Int64
}

func newAsk(p *simPlan) *simAsk {
	rng := rand.New(rand.NewPCG(p.seed, 10))
	a := &simAsk{pull: p.class != classOutput && rng.IntN(3) == 0}
	if p.class != classFolder || rng.IntN(3) == 0 {
		return a // only a real folder is deleted in
	}
	a.mirror, a.stale = true, 1+rng.IntN(150) // of which so many as 64 are told together
	if rng.IntN(4) > 0 {
		kinds := []faultKind{faultResetBoth, faultResetBoth, faultResetOne, faultSilenceBoth, faultRefuse, faultInterrupt}
		a.cut = p.newFault(rng, kinds[rng.IntN(len(kinds))])
		a.cut.afterBytes, a.cut.at = -1, 0
		a.nth = 1 + rng.Int64N(int64(a.stale))
	}
	return a
}

func (a *simAsk) String() string {
	if a == nil {
		return ""
	}
	s := fmt.Sprintf("the receiver asks: %v, deletes: %v, of %d things", a.pull, a.mirror, a.stale)
	if a.cut != nil {
		s += fmt.Sprintf(", at the %dth: %v", a.nth, a.cut.what)
	}
	return s
}

// capabilities are those without which nobody can ask.
func (a *simAsk) capabilities() uint64 {
	return framing.CapRequest | framing.CapMirror | framing.CapRemarks
}

// asked are the paths that a receiver asks for.
func (w *simWorld) asked() (paths []string) {
	switch {
	case len(w.tree.want) == len(w.tree.ends):
	case w.plan.named:
		paths = slices.Clone(w.tree.tops)
	default:
		paths = []string{w.tree.root + "/"}
	}
	return append(paths, sortedKeys(w.tree.ends)...)
}

// send is the sender's delivery, of what it was told or is asked for.
func (w *simWorld) send(p *simProcess, l *link.Link, o send.Options) (transfer.Result, error) {
	if !w.plan.ask.pull {
		return send.Send(p.ctx, l, o)
	}
	return send.Serve(p.ctx, l, func(_ context.Context, r send.Request) (send.Options, error) {
		if !slices.Equal(r.Paths, w.asked()) || r.Checksum != w.plan.checksum || r.DryRun {
			w.t.Errorf("asked is for %+v", r)
		}
		o.Unasked = true
		return o, nil
	})
}

// take is the receiver's.
func (w *simWorld) take(p *simProcess, l *link.Link, o receive.Options) (transfer.Result, error) {
	if w.plan.ask.mirror {
		o.Mirror = &storage.Mirror{Max: 1000, All: true, Keep: w.lookedAt}
	}
	if !w.plan.ask.pull {
		return receive.Receive(p.ctx, l, o)
	}
	return receive.Fetch(p.ctx, l, receive.Request{Paths: w.asked(), Checksum: w.plan.checksum}, o)
}

// lookedAt keeps nothing; it counts, and has the fault of the deletion happen.
func (w *simWorld) lookedAt(string) bool {
	if a := w.plan.ask; a.cut != nil && a.looked.Add(1) == a.nth {
		w.net.mu.Lock()
		defer w.net.mu.Unlock()
		w.net.apply(a.cut)
	}
	return false
}

// plant puts things into the real folder that the sources have not, in each folder that
// comes.
func (w *simWorld) plant() error {
	folders := []string{"."}
	for _, at := range sortedKeys(w.tree.want) {
		if w.tree.want[at].kind == tree.Folder {
			folders = append(folders, at)
		}
	}
	for i := range w.plan.ask.stale {
		in := filepath.Join(w.folder, filepath.FromSlash(folders[i%len(folders)]))
		name := filepath.Join(in, fmt.Sprint("stale", i))
		err := os.MkdirAll(in, 0o755)
		switch {
		case i%7 == 3:
			err = errors.Join(err, os.Symlink("nowhere", name))
		case i%7 == 5:
			err = errors.Join(err, os.MkdirAll(filepath.Join(name, "within"), 0o755), os.WriteFile(filepath.Join(name, "file"), []byte(name), 0o600))
		default:
			err = errors.Join(err, os.WriteFile(name, []byte(name), 0o600))
		}
		if err != nil {
			return err
		}
	}
	var err error
	w.initial, err = look(w.folder, nil)
	return err
}

// checkDeletion requires that nothing was deleted before all had come, and nothing but
// what the sources have not. After a delivery that ended well none of that is left.
func (w *simWorld) checkDeletion(res transfer.Result, done bool) {
	got := w.standing(false)
	stays, gone := 0, ""
	for at := range w.initial {
		if _, comes := w.tree.want[at]; comes {
			continue
		}
		if _, ok := got[at]; ok {
			stays++
		} else {
			gone = at
		}
	}
	switch alone := len(w.tree.want) == len(w.tree.ends); {
	case alone && gone != "":
		w.t.Errorf("%q is deleted, and no folder came", gone)
	case done && !alone && stays > 0:
		w.t.Errorf("%d things stay that the sources have not", stays)
	}
	if extra := len(w.initial); res.Deleted > int64(extra) {
		w.t.Errorf("%d things are counted as deleted, of %d", res.Deleted, extra)
	}
	if gone == "" {
		return
	}
	for at, want := range w.tree.want {
		if g, ok := got[at]; !ok || g.kind != want.kind || g.target != want.target || !bytes.Equal(g.data, want.data) {
			w.t.Errorf("%q is deleted, and %q had not come, or went: %v", gone, at, g)
			return
		}
	}
}
