package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// oracle is what the checks know beside the source tree.
type oracle struct {
	initial map[string]leaf // what the destination held before

	changes  sync.Mutex
	versions map[string][][]byte // of changed sources: all that they ever held
	gone     map[string]bool     // removed sources
	foreign  atomic.Bool         // somebody else has put a file into the destination
}

// differs tells whether something else than at stands in its place from before.
func (w *simWorld) differs(at string) bool {
	was, ok := w.initial[at]
	want := w.tree.want[at]
	switch {
	case !ok || want.kind == tree.Folder:
		return false
	case was.kind != want.kind:
		return true
	}
	return !bytes.Equal(was.data, want.data) || was.target != want.target
}

// conflicts counts the items that the policy has reported at h: what the receiver
// skips at its user's word is missing to the sender's.
func (w *simWorld) conflicts(h host) (n int64) {
	reported := w.plan.policy == transfer.ConflictFail || w.plan.policy == transfer.ConflictSkip && h == senderHost
	for at := range w.tree.want {
		if reported && w.differs(at) {
			n++
		}
	}
	return n
}

// judge holds how a process ended against what it promises by that, and tells
// whether the delivery is done.
func (w *simWorld) judge(p *simProcess, res transfer.Result, err error) bool {
	w.changes.Lock()
	changed := len(w.versions) > 0
	w.changes.Unlock()
	incomplete := errors.Is(err, transfer.ErrIncomplete)
	if w.plan.ask.mirror && p.host == receiverHost && !changed {
		w.checkDeletion(res, err == nil)
	}
	switch {
	case err != nil && !incomplete:
		if w.stalled(err) {
			w.excused.Store(true)
		}
		if !w.plan.restarts() {
			w.mu.Lock()
			w.complaints = append(w.complaints, fmt.Sprintf("the %v ended with %v, %v", p.host, err, res.Failures))
			w.mu.Unlock()
		}
		return false
	case incomplete && (changed || w.foreign.Load()):
		return false
	case res.Failed != w.conflicts(p.host):
		w.t.Errorf("the %v ended with %v and has %d failed items instead of %d: %v", p.host, err, res.Failed, w.conflicts(p.host), res.Failures)
	case incomplete != (w.conflicts(p.host) > 0):
		w.t.Errorf("the %v ended with %v, and %d failed items", p.host, err, res.Failed)
	case p.host == senderHost && !res.Acknowledged:
		w.t.Error("the sender ended well without a receipt")
	}
	if p.host == senderHost && !changed {
		w.checkMoved(p, res)
	}
	if w.plan.class != classOutput {
		w.checkDurable(p.host)
	}
	w.checkNames()
	return true
}

// stalled tells whether a delivery ended because a stream stood still while the
// link lived. Bytes that are missing, and a record of TLS that seems longer than
// it is, show only when more comes. TCP lets neither happen.
func (w *simWorld) stalled(err error) bool {
	var own *transfer.Error
	return errors.As(err, &own) && own.Code == framing.CodeGaveUp && slices.ContainsFunc(w.plan.faults, func(f *simFault) bool {
		return f.fired.Load() && (f.what == faultFlip || f.what == faultLose || f.what == faultTwice)
	})
}

// checkMoved requires that no more was moved than was missing, and no more again
// after a loss or a move than can be under way.
func (w *simWorld) checkMoved(p *simProcess, res transfer.Result) {
	w.mu.Lock()
	quiet, missed := p.quiet == w.plan.happened(), p.missed
	w.mu.Unlock()
	if quiet && res.Moved > missed && w.plan.class != classOutput {
		w.t.Errorf("%d bytes were moved, and no more than %d were missing", res.Moved, missed)
	}
	underWay := simUnderWay(w.plan.line, w.plan.streams)
	again := int64(w.plan.happened()) + w.plan.moves.tried.Load()
	if res.Resent > again*underWay {
		w.t.Errorf("%d bytes were sent again after %d faults and moves", res.Resent, again)
	}
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	if w.net.most > underWay {
		w.t.Errorf("%d bytes were under way at a time", w.net.most)
	}
}

// checkDurable requires that everything would outlast a power cut now.
func (w *simWorld) checkDurable(h host) {
	w.changes.Lock()
	defer w.changes.Unlock()
	got := w.standing(true)
	for at, want := range w.tree.want {
		g, ok := got[at]
		_, changed := w.versions[at]
		want.mtime, want.mode = w.exact(at, want, g)
		switch {
		case w.gone[at] && (!ok || bytes.Equal(g.data, w.initial[at].data)):
		case changed:
			if !ok || !slices.ContainsFunc(w.versions[at], func(v []byte) bool { return bytes.Equal(v, g.data) }) {
				w.t.Errorf("%v has ended well, and at %q stands no version of it: %v", h, at, g)
			}
		case w.differs(at) && w.plan.policy != transfer.ConflictOverwrite:
			w.equal(h, at, w.initial[at], g)
			if other := alternative(at); w.plan.policy == transfer.ConflictRename {
				want.mtime, want.mode = w.exact(at, want, got[other])
				w.equal(h, other, want, got[other])
			}
		default:
			w.equal(h, at, want, g)
		}
	}
}

func alternative(at string) string {
	return path.Join(path.Dir(at), storage.Alternative(path.Base(at), 1))
}

// exact is the metadata that an item must have: what the simulation cannot know
// is taken as found.
func (w *simWorld) exact(at string, want, got leaf) (tree.Time, uint32) {
	_, end := w.tree.ends[at]
	switch {
	case want.kind == tree.Symlink, want.kind == tree.Folder && len(w.versions) > 0:
		return got.mtime, got.mode
	case end:
		return got.mtime, want.mode
	}
	return want.mtime, want.mode
}

func (w *simWorld) equal(h host, at string, want, got leaf) {
	same := want.kind == got.kind && want.mode == got.mode && want.mtime == got.mtime && want.target == got.target && bytes.Equal(want.data, got.data)
	if !same {
		w.t.Errorf("the %v has ended well, and a power cut would leave at %q: %v; want %v", h, at, got, want)
	}
}

// checkNames requires that each name at the destination has one whole content
// that it may have, and that nothing else is there.
func (w *simWorld) checkNames() {
	w.changes.Lock()
	defer w.changes.Unlock()
	original := make(map[string]string)
	if w.plan.policy == transfer.ConflictRename {
		for at := range w.tree.want {
			original[alternative(at)] = at
		}
	}
	for at, got := range w.standing(false) {
		could := slices.Concat(w.versions[at])
		from := at
		if _, ok := w.tree.want[at]; !ok && original[at] != "" {
			from = original[at]
		}
		matches := w.foreign.Load() && string(got.data) == simForeign || slices.ContainsFunc(could, func(v []byte) bool { return got.kind == tree.File && bytes.Equal(v, got.data) })
		for _, l := range []map[string]leaf{w.initial, w.tree.want} {
			if l, ok := l[from]; ok && l.kind == got.kind && l.target == got.target && bytes.Equal(l.data, got.data) {
				matches = true
			}
		}
		if !matches {
			w.t.Errorf("at %q stands what is neither old nor new: %v", at, got)
		}
	}
}

// standing lists the destination, or what a power cut now would leave of it.
func (w *simWorld) standing(durable bool) map[string]leaf {
	if w.folder == "" {
		return w.disk.list(durable)
	}
	out, err := look(w.folder, nil)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Error(err)
	}
	for at := range out {
		if at == tree.PartialName || strings.HasPrefix(at, tree.PartialName+"/") {
			delete(out, at)
		}
	}
	return out
}
