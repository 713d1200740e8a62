package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/here"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// Removal has Send remove from the sources what it delivered, but no folders: once the
// receipt is in hand, and only what is still as it was read.
type Removal struct {
	// Spare tells whether info, of a source, is the very item that stands at a path of
	// the destination. It is asked about what was found equal there. May be nil.
	Spare func(at string, info tree.Info) bool
	// Strict has all sources stay if metadata of any item was lost.
	Strict bool
	// Wait, if it is not nil, is called before the first source goes. If it returns an error
	// they all stay, because of it.
	Wait func(ctx context.Context) error
	// First, if it is not nil, is called before Wait, and may count in the result: it is what
	// needs the sources as they were read. After an error other than ErrIncomplete they stay.
	First func(ctx context.Context, r *transfer.Result) error
}

// errRemoveAway: nothing is removed from what is in no file system of this machine.
var errRemoveAway = errors.New("what was delivered is removed from folders on this machine only, and not from a store")

// removable refuses to remove from what is Away.
func (o *Options) removable() error {
	if o.Remove == nil {
		return nil
	}
	for i := range o.Sources {
		if src := &o.Sources[i]; src.Away != nil {
			return &transfer.Error{Op: "removing from", Path: src.Path, Code: framing.CodeUnsupported, Err: errRemoveAway}
		}
	}
	return nil
}

// Why items stay, or all do.
var (
	errNotDurable = errors.New("the other side did not sync what came, and a power cut may lose it there")
	errBare       = errors.New("what was delivered has not all of its metadata there")
	errOwnCopy    = errors.New("it is the very item that stands at the destination")
	errStopped    = errors.New("that was interrupted")
	errMaybeOwn   = errors.New("the other side is on this machine, and may have found it where it was read from; ferry copy can tell")
)

// maxSeveral bounds the files with more names of which one was removed: 8 MiB or so. Of
// files beyond it the other names stay, as if the file had changed.
const maxSeveral = 1 << 16

// removal remembers what was delivered, in a journal, and removes it at the end. Control
// notes; when no goroutine of the delivery is left, Send removes.
type removal struct {
	opt      *Removal
	tell     transfer.Observer // may be nil
	near     bool              // the receiver is on this machine
	place    *here.Place       // the destination, if the receiver is on this machine and told it
	checksum bool              // files are compared by digest
	shared   framing.Stream    // stream 0, if the other side is to hear; nil: it is not
	log      journal
	roots    []*tree.Dir // that the items were found below: no more than there are sources
	index    map[*tree.Dir]uint64
	folder   spot

	// several are files that had more names than the one that was removed, as they are
	// since then, by what they were.
	several map[tree.Info]tree.Info
	kept    int64 // items there that stay, since nobody has compared them
	failed  int64
	own     int64 // those of them that are, or may be, what stands at the destination
}

// spot is the folder that was come to last.
type spot struct {
	root uint64
	path string
	dir  *tree.Dir
}

func newRemoval(o *Options, near bool) *removal {
	if o.Remove == nil {
		return nil
	}
	return &removal{opt: o.Remove, tell: o.Observer, near: near, checksum: o.Checksum, index: make(map[*tree.Dir]uint64), several: make(map[tree.Info]tree.Info)}
}

// toldPlace takes what the receiver tells of the destination. A second time it is not taken.
func (r *removal) toldPlace(m *framing.Remark) error {
	if r == nil || r.place != nil {
		return nil
	}
	place, known := here.This().NewPlaceTold(m)
	if !known {
		return failure.Violation("REMARK about a destination without its marks")
	}
	r.place = place
	return nil
}

// note takes the verdict on an entry. Info is what was read; delivered says that it got its
// name there, and verified that both sides have hashed the content, or that there is none.
func (r *removal) note(e *entry, info tree.Info, status framing.DoneStatus, delivered bool) {
	if r == nil || e.reader != nil || e.item.Away != nil {
		return
	}
	it, equal := e.item, false
	switch it.Kind {
	case tree.Folder, tree.Root, tree.Stream:
		return
	case tree.File:
		equal = status == framing.DoneEqual || status == framing.DoneEqualAdjusted
	case tree.HardLink:
		// Without, its target may have been taken for the same by its time.
		equal = r.checksum && (status == framing.DoneSame || status == framing.DoneSameAdjusted)
	default:
		equal = status == framing.DoneSame || status == framing.DoneSameAdjusted
	}
	switch {
	case status == framing.DoneSkipped:
		return
	case !delivered && !equal:
		r.kept++
		return
	}
	root, folder, name := it.Spot()
	i, known := r.index[root]
	if !known {
		i = uint64(len(r.roots))
		r.roots, r.index[root] = append(r.roots, root), i
	}
	at := ""
	if equal {
		at = e.at
	}
	r.log.add(&record{root: i, folder: folder, name: name, display: it.Display, at: at, info: info})
}

// refuse is why nothing may be removed after a delivery that ended so; nil if something
// may.
func (r *removal) refuse(result *transfer.Result) error {
	switch {
	case !result.Durable:
		return errNotDurable
	case r.opt.Strict && len(result.Lost) > 0:
		return errBare
	case r.log.err != nil:
		return fmt.Errorf("what was delivered could not be noted where TMPDIR says, or in the usual place: %w", r.log.err)
	}
	return nil
}

// run removes what was delivered, and counts in result. Err is how the delivery ended.
func (r *removal) run(ctx context.Context, result *transfer.Result, err error) error {
	if r == nil {
		return err
	}
	defer r.log.close()
	defer r.place.Close()
	if !result.Acknowledged || result.DryRun || err != nil && !errors.Is(err, transfer.ErrIncomplete) {
		return err
	}
	result.Stayed = r.kept
	why := r.refuse(result)
	if why == nil && r.opt.First != nil {
		first := r.opt.First(ctx, result)
		if first != nil && !errors.Is(first, transfer.ErrIncomplete) {
			return first
		}
		err = cmp.Or(err, first)
		why = r.refuse(result) // what it did may not last either
	}
	t := progress.Resume(r.tell, *result)
	r.begin(t)
	if why == nil && r.opt.Wait != nil {
		why = r.opt.Wait(ctx)
	}
	if why != nil {
		r.told(t, &transfer.Error{Err: why})
		return errors.Join(err, r.left(&NotRemovedError{Why: why}))
	}
	t.Enter(transfer.PhaseRemoving)
	elapsed := result.Elapsed
	rerr := r.removeAll(ctx, t)
	*result = t.Final()
	result.Elapsed += elapsed
	switch {
	case rerr != nil:
		return rerr
	case err == nil && r.failed > 0:
		return r.left(&NotRemovedError{Items: r.failed})
	}
	return err
}

func (r *removal) removeAll(ctx context.Context, t *progress.Tracker) error {
	for rec, err := range r.log.all() {
		if err != nil {
			return r.left(&NotRemovedError{Why: fmt.Errorf("what was delivered was noted, and cannot be read again: %w", err)})
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), r.left(&NotRemovedError{Why: errStopped, Stopped: true}))
		}
		err := r.remove(rec)
		switch {
		case err == nil:
			t.Removed(rec.display, rec.info)
		case !errors.Is(err, fs.ErrNotExist): // somebody else removed it
			r.failed++
			if errors.Is(err, errOwnCopy) || errors.Is(err, errMaybeOwn) {
				r.own++
			}
			failed := removalError(rec.display, err)
			t.Failed(failed)
			r.told(t, failed)
		}
		r.share(t)
	}
	return nil
}

// begin tells the other side, if it hears, that removing begins and may take its time.
func (r *removal) begin(t *progress.Tracker) {
	if r.shared == nil {
		return
	}
	t.Share(true)
	t.Remark(framing.Remark{Kind: framing.RemarkRemoving})
	if r.kept > 0 {
		t.Remark(framing.Remark{Kind: framing.RemarkStayed, Number: uint64(r.kept)})
	}
	r.share(t)
}

// told keeps for the other side why an item stays, or without a path why all do.
func (r *removal) told(t *progress.Tracker, e *transfer.Error) {
	t.Remark(framing.Remark{Kind: framing.RemarkFailed, Number: framing.FailedRemoving, Code: e.Code, Path: []byte(e.Path), Text: []byte(failure.Message(e))})
	r.share(t)
}

// share sends what is kept for the other side. Sources go whether it hears of it or not.
func (r *removal) share(t *progress.Tracker) {
	if r.shared != nil {
		_ = t.SendRemarks(r.shared)
	}
}

// removalError is why an item stays.
func removalError(display string, err error) *transfer.Error {
	failed := &transfer.Error{Op: "removing", Path: display, Code: framing.CodeIO, Err: err}
	switch {
	case errors.Is(err, tree.ErrChanged):
		failed.Code = framing.CodeChanged
	case errors.Is(err, fs.ErrPermission):
		failed.Code = framing.CodePermission
	case errors.Is(err, errOwnCopy), errors.Is(err, errMaybeOwn):
		failed.Code = framing.CodeUnsupported
	case errors.Is(err, tree.ErrReplaced):
		failed.Code = framing.CodeVanished
	}
	return failed
}

// isNear tells whether a receiver at that address is on this machine.
func isNear(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	host, _, _ = strings.Cut(host, "%")
	ip := net.ParseIP(host)
	own, err := net.InterfaceAddrs()
	if ip == nil || ip.IsLoopback() || err != nil {
		return true // if nobody knows, it may be
	}
	return slices.ContainsFunc(own, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

// remove removes one item.
func (r *removal) remove(rec *record) error {
	switch {
	case rec.at == "":
	case r.opt.Spare != nil && r.opt.Spare(rec.at, rec.info):
		return errOwnCopy
	case r.opt.Spare == nil && (r.near || r.place != nil):
		if err := r.stands(rec); err != nil {
			return err
		}
	}
	info := rec.info
	was := identity(info)
	if now, ok := r.several[was]; ok {
		info.CTime = now.CTime
	}
	after, err := tree.RemoveUnchanged(r.dir(rec), rec.name, info)
	if err == nil && after.Nlink > 0 && len(r.several) < maxSeveral {
		r.several[was] = after
	}
	return err
}

// stands tells why an item may be what stands at the destination: nil if it is not.
func (r *removal) stands(rec *record) error {
	if r.place == nil {
		return errMaybeOwn
	}
	switch is, sure := r.place.Is(rec.at, rec.info); {
	case is:
		return errOwnCopy
	case !sure:
		return errMaybeOwn
	}
	return nil
}

// identity is what is the same of all names of a file that has not changed since it was
// read.
func identity(info tree.Info) tree.Info {
	return tree.Info{Dev: info.Dev, Ino: info.Ino, CTime: info.CTime}
}

// dir is the folder that an item is in. Most often that is the one of the item before.
func (r *removal) dir(rec *record) *tree.Dir {
	at := &r.folder
	if at.dir == nil || at.root != rec.root || at.path != rec.folder {
		below, from := rec.folder, r.roots[rec.root]
		if at.dir != nil && at.root == rec.root && at.path != "" && strings.HasPrefix(rec.folder, at.path+"/") {
			below, from = rec.folder[len(at.path)+1:], at.dir
		}
		for below != "" {
			var name string
			name, below, _ = strings.Cut(below, "/")
			from = from.Child(name)
		}
		*at = spot{rec.root, rec.folder, from}
	}
	return at.dir
}

// NotRemovedError is transfer.NotRemovedError.
type NotRemovedError = transfer.NotRemovedError

// left fills in what can be done about e.
func (r *removal) left(e *NotRemovedError) *NotRemovedError {
	e.Compared = r.checksum
	e.Final = e.Why == nil && r.own == r.failed || errors.Is(e.Why, errBare)
	return e
}

// shares tells whether the other side hears what is removed: then it is removed before the
// goodbye.
func (r *removal) shares() bool { return r != nil && r.shared != nil }
