package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
)

// crowdShow shows the deliveries to several receivers. It is the renderer of all that is
// not of one receiver.
type crowdShow struct {
	renderer               // people's or programs'
	people   *console      // nil: it is for programs
	programs *jsonRenderer // nil: it is for people
	board    *board
	codes    *codeSource
}

func newCrowdShow(r renderer, codes *codeSource) *crowdShow {
	s := &crowdShow{renderer: r, board: &board{rows: make(map[int]*boardRow)}, codes: codes}
	s.programs, _ = r.(*jsonRenderer)
	if s.people, _ = r.(*console); s.people != nil {
		s.people.gather(s.board)
	}
	return s
}

// setting is what to write before the command that continues, so that it takes the code.
func (s *crowdShow) setting() string { return s.codes.setting() }

// linkEvent names the receiver, which the line about one link does not.
func (s *crowdShow) linkEvent(e link.Event) {
	number, name := s.board.whose(e.Link)
	if s.people == nil {
		if v, ok := linkObject(e); ok {
			v.Receiver = number
			s.programs.send(v)
		}
		return
	}
	text := linkText(e, s.people.flags.verbose)
	switch e.Kind {
	case link.EventConnected:
		return // it is told with the number
	case link.EventLost, link.EventRetrying, link.EventRejoined:
		if number == 0 {
			name = hostOf(e.Addr)
		}
		if text != "" {
			text = name + ": " + text
		}
	}
	if text != "" && (!s.people.flags.quiet || e.Kind == link.EventRefused) {
		s.people.screen.remark(linkColour(e.Kind), text)
	}
}

// place returns what shows the delivery to one receiver from now on.
func (s *crowdShow) place(number int, host string, args receiversArgs) *crowdView {
	row := &boardRow{number: number, host: host}
	again := s.board.put(row, args)
	if s.people != nil && !s.people.flags.quiet {
		of := ""
		if args.all || args.until == 0 {
			of = fmt.Sprintf(" of %d", args.most)
		}
		if again {
			of += " comes again"
		}
		s.people.say(fmt.Sprintf("receiver %d%s: %s", number, of, host))
	}
	return &crowdView{crowdShow: s, number: number, host: host, row: row}
}

// vacated says that a receiver was started again, and has another place.
func (s *crowdShow) vacated(number int) { s.board.drop(number) }

// crowdView shows the delivery to one receiver.
type crowdView struct {
	*crowdShow
	number int
	host   string
	row    *boardRow
	word   string // of how it ended; set by finish

	mu   sync.Mutex // guards what follows
	pace pace
	at   time.Time // of the newest progress that was written
}

func (v *crowdView) linked(l *link.Link) { v.row.linked(l) }

// Observe shows people what went wrong at this receiver. What is about the sources is the
// same for all, and is shown for the first.
func (v *crowdView) Observe(e transfer.Event) {
	v.row.Observe(e)
	if v.programs != nil {
		v.object(e)
		return
	}
	c := v.people
	text, colour := "", red
	switch e := e.(type) {
	case transfer.PhaseChanged, transfer.Progress, transfer.Offered:
		return
	case transfer.ItemFailed:
		if e.Err.Remote {
			text = "not delivered: " + show(e.Path) + ": " + causeText(e.Err)
		}
	case transfer.ItemDone:
		if text = doneText(e, c.flags.verbose); text == "" || c.flags.quiet {
			return
		}
		colour = ""
	}
	switch {
	case text != "":
		c.screen.remark(colour, v.row.name()+": "+text)
	case v.number == 1:
		c.Observe(e)
	}
}

// object writes an event with the number of the receiver.
func (v *crowdView) object(e transfer.Event) {
	p, moves := e.(transfer.Progress)
	if !moves {
		if o := jsonEvent(e); o != nil {
			v.programs.send(ofReceiver{v.number, v.host, o})
		}
		return
	}
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.at) < jsonTick {
		return
	}
	v.at = now
	s := v.row.sight()
	s.progress = p
	v.programs.send(ofReceiver{v.number, v.host, progressObject(v.pace.look(now, s, ""))})
}

// finish shows how the delivery to this receiver ended.
func (v *crowdView) finish(o outcome) error {
	v.word = o.word()
	v.row.end(o.exit == exitOK)
	if v.programs != nil {
		result := o.object()
		result.Type = "receiver_result"
		v.programs.send(ofReceiver{v.number, v.host, result})
		return nil
	}
	if v.people.flags.quiet && o.exit == exitOK {
		return nil
	}
	o.hint = ""
	for _, text := range o.lines(v.people.flags.quiet) {
		if text == o.wholeText() {
			continue // the last line says it of all
		}
		c := green
		if o.err != nil {
			c = red
		}
		v.people.screen.remark(c, v.row.name()+": "+strings.TrimPrefix(text, "ferry: "))
	}
	return nil
}

// ofReceiver is an object that is about one receiver.
type ofReceiver struct {
	number  int
	address string
	object  any
}

// MarshalJSON puts the receiver behind the type, which is the first field of every object.
func (o ofReceiver) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(o.object)
	if err != nil {
		return nil, err
	}
	host, err := json.Marshal(o.address)
	if err != nil {
		return nil, err
	}
	const start = `{"type":"`
	end := len(start) + strings.IndexByte(string(b[len(start):]), '"') + 1
	return fmt.Appendf(nil, `%s,"receiver":%d,"address":%s%s`, b[:end], o.number, host, b[end:]), nil
}
