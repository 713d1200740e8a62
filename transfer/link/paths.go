package link

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
)

var (
	errNoPaths  = errors.New("the two sides do not both know PATHS")
	errWhoPunch = errors.New("only the side that dialled may ask for that")
)

// paths is what each side says of where it may be reached. Any goroutine may use it. It
// keeps one list of the peer's, of one frame's size at most, however many come.
type paths struct {
	known   bool               // both sides have said that they know PATHS and PUNCH
	dialled bool               // this side dialled
	told    atomic.Uint32      // serial of the last PATHS of this side
	asked   atomic.Uint32      // and of its last PUNCH
	punches chan time.Duration // capacity 1: the newest PUNCH of the other side

	mu      sync.Mutex // guards what follows; no other lock is taken under it
	theirs  []framing.Path
	serial  uint32        // of theirs
	punched uint32        // serial of the newest PUNCH that came
	changed chan struct{} // closed and replaced when theirs changes
}

func (p *paths) init(known, dialled bool) {
	p.known, p.dialled = known, dialled
	p.punches = make(chan time.Duration, 1)
	p.changed = make(chan struct{})
}

// tell sends a PATHS on stream 0.
func (p *paths) tell(on framing.Stream, list []framing.Path) error {
	if !p.known {
		return &Error{Code: framing.CodeInternal, Op: "paths", Err: errNoPaths}
	}
	m := framing.Paths{Serial: p.told.Add(1), List: list}
	body, err := m.Append(nil)
	if err != nil {
		return &Error{Code: framing.CodeInternal, Op: "paths", Err: err}
	}
	return on.Send(true, framing.TypePaths, body)
}

// get returns the other side's list, and what is closed when it is another one.
func (p *paths) get() (list []framing.Path, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.theirs), p.changed
}

// hear takes in a PATHS. One with a lower serial than another that came says nothing.
func (p *paths) hear(m framing.Paths) error {
	if !p.known {
		return errUnexpected
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Serial <= p.serial {
		return nil
	}
	p.serial = m.Serial
	if slices.Equal(p.theirs, m.List) {
		return nil
	}
	p.theirs = m.List
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// punch sends a PUNCH on stream 0.
func (p *paths) punch(on framing.Stream, after time.Duration) error {
	switch {
	case !p.known:
		return &Error{Code: framing.CodeInternal, Op: "punch", Err: errNoPaths}
	case !p.dialled:
		return &Error{Code: framing.CodeInternal, Op: "punch", Err: errWhoPunch}
	}
	after = min(max(after, 0), framing.MaxPunch)
	m := framing.Punch{Serial: p.asked.Add(1), After: uint16(after.Milliseconds())}
	return on.Send(true, framing.TypePunch, m.Append(nil))
}

// hearPunch takes in a PUNCH.
func (p *paths) hearPunch(m framing.Punch) error {
	if !p.known || p.dialled {
		return errUnexpected
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Serial <= p.punched {
		return nil
	}
	p.punched = m.Serial
	select {
	case <-p.punches:
	default:
	}
	p.punches <- time.Duration(m.After) * time.Millisecond // there is room: only this puts
	return nil
}
