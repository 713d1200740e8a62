package conform

import (
	"fmt"
	"slices"
	"sync"

	"ferry/checksum"
	"ferry/framing"
)

// ledger has what one side of a session has said, in a form in which two sides that
// mean the same are equal, however they cut it into frames:
//
//   - Each record of a batch counts by itself, in the order of what concerns one
//     entry; records of ENTRY in the order of the walk.
//   - A chunk counts when it is whole, with the content that its pieces have.
//   - CHECKED may come anywhere between the content of its entry, and the pages of an
//     entry in any order: a sender compares several at a time.
//   - Of CREDIT the sum counts. A receiver grants in steps, so less than one may be
//     outstanding; more than expected is as good.
//   - What the file systems of two machines tell differently is left out: holes, time
//     and mode of a symbolic link, and whether a receipt is durable. So are the texts of
//     BYE and FAULT.
type ledger struct {
	mu     sync.Mutex // guards what follows
	more   sync.Cond  // something was added, or the side has ended
	said   map[string][]string
	credit uint64
	chunk  map[uint64]*chunk // that are begun, by entry
	ended  bool
	err    error // a frame that breaks a rule
}

// chunk is the pieces that came of one.
type chunk struct {
	header  framing.DataHeader // of the first piece
	content []byte
}

func newLedger() *ledger {
	l := &ledger{said: make(map[string][]string), chunk: make(map[uint64]*chunk)}
	l.more.L = &l.mu
	return l
}

// add takes a frame in.
func (l *ledger) add(f frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.take(f.typ, f.body); err != nil && l.err == nil {
		l.err = fmt.Errorf("%s: %w", describe(f), err)
	}
	l.more.Broadcast()
}

// end says that the side has said all.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.more.Broadcast()
}

// await waits until l has all that want has, or the side has ended.
func (l *ledger) await(want *ledger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended && l.err == nil && !l.covers(want) {
		l.more.Wait()
	}
}

// covers needs l.mu. What want says otherwise shows at the end.
func (l *ledger) covers(want *ledger) bool {
	for about, all := range want.said {
		if len(l.said[about]) < len(all) {
			return false
		}
	}
	return l.granted(want)
}

// creditStep is how much a receiver may have freed before it grants that again.
const creditStep = 1 << 20

// granted tells whether l has the credit of want. It needs l.mu.
func (l *ledger) granted(want *ledger) bool { return l.credit+creditStep > want.credit }

// differs returns in what l differs from want. If want is a part only, l may have more.
func (l *ledger) differs(want *ledger, part bool) (faults []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		faults = append(faults, l.err.Error())
	}
	keys := make(map[string]bool)
	for about := range want.said {
		keys[about] = true
	}
	for about := range l.said {
		keys[about] = true
	}
	for about := range keys {
		got, due := l.said[about], want.said[about]
		if part && len(got) > len(due) {
			got = got[:len(due)]
		}
		for i := range max(len(got), len(due)) {
			g, d := "nothing", "nothing"
			if i < len(got) {
				g = got[i]
			}
			if i < len(due) {
				d = due[i]
			}
			if g != d {
				faults = append(faults, fmt.Sprintf("%s, number %d:\n  said was   %s\n  due was    %s", about, i, g, d))
				break
			}
		}
	}
	if !l.granted(want) {
		faults = append(faults, fmt.Sprintf("granted were %d bytes, due were %d", l.credit, want.credit))
	}
	slices.Sort(faults)
	return faults
}

// note needs l.mu.
func (l *ledger) note(about string, m any) { l.said[about] = append(l.said[about], value(m, 0)) }

// take needs l.mu.
func (l *ledger) take(t framing.Type, body []byte) error {
	switch t {
	case framing.TypeCredit:
		m, err := framing.ParseCredit(body)
		l.credit += uint64(m.Bytes)
		return err
	case framing.TypeEntry:
		for m, err := range framing.ParseEntries(body) {
			if err != nil {
				return err
			}
			if m.Holes = 0; m.Kind == framing.KindSymlink {
				m.Mode, m.Sec, m.Nsec = 0, 0, 0
			}
			l.note("the walk", m)
		}
	case framing.TypeWant:
		for m, err := range framing.ParseWants(body) {
			if err != nil {
				return err
			}
			l.note(fmt.Sprintf("what is wanted of entry %d", m.ID), m)
		}
	case framing.TypeDone:
		for m, err := range framing.ParseDones(body) {
			if err != nil {
				return err
			}
			l.note(fmt.Sprintf("the verdict on entry %d", m.ID), m)
		}
	case framing.TypeFileEnd:
		for m, err := range framing.ParseFileEnds(body) {
			if err != nil {
				return err
			}
			l.note(contentOf(m.ID), m)
		}
	case framing.TypePack:
		for m, err := range framing.ParsePack(body) {
			if err != nil {
				return err
			}
			l.note(contentOf(m.ID), m)
		}
	case framing.TypeChecked:
		m, err := framing.ParseChecked(body)
		l.note(fmt.Sprintf("page %d of entry %d", m.First, m.ID), m)
		return err
	case framing.TypeFault:
		m, err := framing.ParseFault(body)
		m.Message = ""
		l.note(fmt.Sprintf("the verdict on entry %d", m.ID), m)
		return err
	case framing.TypeData:
		return l.takePiece(body)
	default:
		return l.takeOnce(t, body)
	}
	return nil
}

func contentOf(id uint64) string { return fmt.Sprintf("the content of entry %d", id) }

// takePiece needs l.mu.
func (l *ledger) takePiece(body []byte) error {
	h, payload, err := dataOf(body)
	if err != nil {
		return err
	}
	c := l.chunk[h.ID]
	if c == nil {
		c = &chunk{header: h}
		l.chunk[h.ID] = c
	}
	if h.Offset != c.header.Offset+uint64(len(c.content)) || h.Encoding != c.header.Encoding || h.Attempt != c.header.Attempt {
		return fmt.Errorf("a piece that does not follow the one before, of %d bytes", len(c.content))
	}
	c.content = append(c.content, payload...)
	if !h.Last() {
		return nil
	}
	delete(l.chunk, h.ID)
	whole := struct {
		framing.DataHeader
		Length  int64
		Content checksum.Digest
	}{h, int64(len(c.content)), checksum.Sum(c.content)}
	whole.Offset = c.header.Offset
	l.note(contentOf(h.ID), whole)
	return nil
}

// takeOnce takes what is about the delivery as a whole. It needs l.mu.
func (l *ledger) takeOnce(t framing.Type, body []byte) error {
	text := fields(t, body)
	switch t {
	case framing.TypeReceipt:
		m, err := framing.ParseReceipt(body)
		if err != nil {
			return err
		}
		m.Durable = true
		text = value(m, 0)
	case framing.TypeBye:
		m, err := framing.ParseBye(body)
		if err != nil {
			return err
		}
		m.Message = ""
		text = value(m, 0)
	}
	l.said["the delivery"] = append(l.said["the delivery"], t.String()+" "+text)
	return nil
}
