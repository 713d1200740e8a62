package progress

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// MaxRemarks is how many records of REMARK may come in a delivery.
const MaxRemarks = 4 << 20

// Limits of what is told to the other side, in bytes.
const (
	remarkBatch = 128 << 10 // closes a REMARK: its last record takes another 66 KB at most
	mostRemarks = 4 << 20   // that wait: what comes then is counted and not told
)

// remarks are what the other side's person is to see of this side, until they are sent.
type remarks struct {
	on     bool // both sides take them
	names  bool // both sides take framing.RemarkEscaped
	stores bool // both sides take framing.RemarkStored
	sender bool // this side is

	mu      sync.Mutex
	batches [][]byte // all but the last are full
	size    int      // of all
	lost    int      // were not kept, for want of room
}

// Share has what no verdict tells kept for the other side, from now on. It is called before
// any other goroutine has the tracker.
func (t *Tracker) Share(sender bool) { t.teller.other.on, t.teller.other.sender = true, sender }

// Shares tells whether the other side takes remarks.
func (t *Tracker) Shares() bool { return t.teller.other.on }

// ShareNames is Share for escaped names.
func (t *Tracker) ShareNames() { t.teller.other.names = true }

// ShareStore is Share for the store that keeps what was delivered.
func (t *Tracker) ShareStore() { t.teller.other.stores = true }

// Remark keeps one for the other side.
func (t *Tracker) Remark(m framing.Remark) { t.teller.other.add(m) }

// SendRemarks sends what is kept. Callers see to it that only one does so at a time.
func (t *Tracker) SendRemarks(out framing.Stream) error {
	for {
		body := t.teller.other.take()
		if body == nil {
			return nil
		}
		if err := out.Send(true, framing.TypeRemark, body); err != nil {
			return failure.Link("telling what happened", err)
		}
	}
}

// event keeps an event, if it is of those.
func (r *remarks) event(e transfer.Event) {
	if !r.on {
		return
	}
	switch e := e.(type) {
	case transfer.Notice:
		if !e.Remote {
			r.add(framing.Remark{Kind: framing.RemarkNotice, Number: flag(e.Stays), Path: []byte(e.Path), Text: text(e.Err)})
		}
	case transfer.ItemWarned:
		// What the receiver could not apply, WARN tells; what it did not take, ACCEPT.
		if !e.Remote && (e.Stood() || r.sender) {
			r.add(framing.Remark{Kind: framing.RemarkWarned, Code: e.Code, Number: uint64(e.What), Path: []byte(e.Path), Text: text(e.Err)})
		}
	case transfer.ItemKept:
		r.own(false, framing.Remark{Kind: framing.RemarkKept, Path: []byte(e.Path), Text: []byte(e.At)})
	case transfer.ItemDeleted:
		r.own(false, framing.Remark{Kind: framing.RemarkDeleted, Item: framing.EntryKind(e.Kind), Number: uint64(e.Size + 1), Path: []byte(e.Path)})
	case transfer.ItemExcluded:
		r.own(true, framing.Remark{Kind: framing.RemarkExcluded, Number: flag(e.Folder), Path: []byte(e.Path), Text: []byte(e.Exclusion.String())})
	case transfer.ItemRemoved:
		r.own(true, framing.Remark{Kind: framing.RemarkRemoved, Item: framing.EntryKind(e.Kind), Number: uint64(e.Size + 1), Path: []byte(e.Path)})
	}
}

// own keeps what only one of the sides finds: the other heard it.
func (r *remarks) own(sender bool, m framing.Remark) {
	if r.sender == sender {
		r.add(m)
	}
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

func text(err error) []byte {
	if err == nil {
		return nil
	}
	return []byte(failure.Plain(err).Error())
}

func (r *remarks) add(m framing.Remark) {
	if r.on {
		r.keep(m)
	}
}

// keep returns true if it is time to send what is kept. An escaped name is never lost, since
// the other side's list has it: who keeps one sends, if it is time. Nor is the one remark
// on a store.
func (r *remarks) keep(m framing.Remark) (full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size >= mostRemarks && m.Kind != framing.RemarkEscaped && m.Kind != framing.RemarkStored {
		r.lost++
		return true
	}
	if n := len(r.batches); n == 0 || len(r.batches[n-1]) >= remarkBatch {
		r.batches = append(r.batches, nil)
	}
	last := &r.batches[len(r.batches)-1]
	before := len(*last)
	*last = m.Append(*last)
	r.size += len(*last) - before
	return r.size >= remarkBatch
}

// take takes the body of the next REMARK; nil is none.
func (r *remarks) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.batches) == 0 {
		return nil
	}
	body := r.batches[0]
	r.batches = r.batches[1:]
	if r.size -= len(body); len(r.batches) == 0 && r.lost > 0 && r.on {
		m := framing.Remark{Kind: framing.RemarkNotice, Text: fmt.Appendf(nil, "%d more remarks came too fast to be told", r.lost)}
		body, r.lost = m.Append(body), 0
	}
	return body
}

// Hear counts and tells a remark of the other side that both sides may make. known is false
// for others.
func (t *Tracker) Hear(m *framing.Remark) (known bool) {
	path := string(m.Path)
	var err error
	if len(m.Text) > 0 {
		err = errors.New(string(m.Text))
	}
	switch m.Kind {
	case framing.RemarkNotice:
		if err == nil {
			err = errors.New("left out")
		}
		t.Tell(transfer.Notice{Path: path, Err: err, Stays: m.Number == 1, Remote: true})
	case framing.RemarkWarned:
		if bits.OnesCount64(m.Number) != 1 || m.Number > uint64(tree.AttrUnsureLink) {
			return false
		}
		w := transfer.ItemWarned{Path: path, What: tree.Attr(m.Number), Code: m.Code, Err: err, Remote: true}
		t.Warned(w, 1)
	default:
		return false
	}
	return true
}
