package hostile

import (
	"errors"
	"slices"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
)

// accepted plays a receiver up to the first ENTRY. The sender has one file of 3 MiB.
func accepted(p *peer) {
	p.until(framing.TypeOffer)
	p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 1})
	p.until(framing.TypeEntry)
}

func (p *peer) accept(a framing.Accept)   { p.send(framing.TypeAccept, a.Append(nil)) }
func (p *peer) done(d framing.Done)       { p.send(framing.TypeDone, d.Append(nil)) }
func (p *peer) want(w framing.Want)       { p.send(framing.TypeWant, w.Append(nil)) }
func (p *peer) receipt(r framing.Receipt) { p.send(framing.TypeReceipt, r.Append(nil)) }
func (p *peer) fault(f framing.Fault)     { p.send(framing.TypeFault, f.Append(nil)) }

func (p *peer) credit(n uint32) {
	c := framing.Credit{Bytes: n}
	p.send(framing.TypeCredit, c.Append(nil))
}

// same settles the file of the sender, without any of its content.
var same = framing.Done{ID: 1, Status: framing.DoneSame}

func after(t framing.Type, body ...byte) func(*peer) {
	return func(p *peer) { accepted(p); p.send(t, body) }
}

// misplaced are frames of a receiver that are not valid when they come.
func misplaced() []rule {
	return []rule{
		{"H06 WANT before ACCEPT", func(p *peer) { p.want(framing.Want{ID: 1, Kind: framing.WantAll}) }},
		{"H06 CREDIT before ACCEPT", func(p *peer) { p.credit(1 << 20) }},
		{"H06 RECEIPT before ACCEPT", func(p *peer) { p.receipt(framing.Receipt{}) }},
		{"H06 ACCEPT twice", func(p *peer) {
			accepted(p)
			p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 1})
		}},
		{"H06 a frame of the sender", func(p *peer) { accepted(p); p.end(0) }},
		{"H06 data from the receiver", func(p *peer) { accepted(p); p.data(lastPiece(1, 0, []byte("x")), []byte("x")) }},
		{"H06 WANT for an unknown entry", func(p *peer) { accepted(p); p.want(framing.Want{ID: 9, Kind: framing.WantAll}) }},
		{"H06 WANT after DONE", func(p *peer) { accepted(p); p.done(same); p.want(framing.Want{ID: 1, Kind: framing.WantAll}) }},
		{"H06 WANT of a later attempt", func(p *peer) { accepted(p); p.want(framing.Want{ID: 1, Kind: framing.WantAll, Attempt: 9}) }},
		{"H06 FAULT for an unknown entry", func(p *peer) { accepted(p); p.fault(framing.Fault{ID: 9, Code: framing.CodePermission}) }},
		{"H06 FAULT after DONE", func(p *peer) { accepted(p); p.done(same); p.fault(framing.Fault{ID: 1, Code: framing.CodePermission}) }},
		{"H06 an unknown status", after(framing.TypeDone, 1, 99)},
		{"H17 DONE before the data", func(p *peer) { accepted(p); p.done(framing.Done{ID: 1, Status: framing.DoneDelivered}) }},
		{"H17 DONE equal before the data", func(p *peer) { accepted(p); p.done(framing.Done{ID: 1, Status: framing.DoneEqual}) }},
		{"H17 DONE equal with new metadata before the data", func(p *peer) { accepted(p); p.done(framing.Done{ID: 1, Status: framing.DoneEqualAdjusted}) }},
		{"H17 DONE for an unknown entry", func(p *peer) { accepted(p); p.done(framing.Done{ID: 99, Status: framing.DoneSame}) }},
		{"H17 DONE twice", func(p *peer) { accepted(p); p.done(same); p.done(same) }},
		{"H17 RECEIPT at once", func(p *peer) { accepted(p); p.receipt(framing.Receipt{Delivered: 1}) }},
	}
}

// malformed are frames of a receiver whose fields no receiver says.
func malformed() []rule {
	return []rule{
		{"H01 an overlong number", after(framing.TypeDone, 0x81, 0x00, 2)},
		{"H02 a page of more chunks than a page has", after(framing.TypeWant, 1, 0, 2, 0, 0x81, 0x20, 1)},
		{"H02 a page without its CVs", after(framing.TypeWant, 1, 0, 2, 0, 3, 1, 7)},
		{"H02 bits beyond the page", after(framing.TypeWant, 1, 0, 2, 0, 3, 1, 0xf0)},
		{"H02 a page of no chunks", after(framing.TypeWant, 1, 0, 2, 0, 0, 1)},
		{"H02 a credit of 0", after(framing.TypeCredit, 0, 0, 0, 0)},
		{"H03 WANT past the end", func(p *peer) {
			accepted(p)
			p.want(framing.Want{ID: 1, Kind: framing.WantAgain, First: 1 << 40, Count: 1 << 30})
		}},
		{"H03 a page past the end", func(p *peer) {
			accepted(p)
			p.want(framing.Want{ID: 1, Kind: framing.WantPage, First: 2, Count: 8, Last: true, Bitmap: []byte{0}})
		}},
		{"H08 ACCEPT with a window of 1", func(p *peer) { p.accept(framing.Accept{EntryWindow: 1, EntryBytes: 1, Streams: 1}) }},
		{"H08 ACCEPT of no entry bytes", func(p *peer) { p.accept(framing.Accept{EntryWindow: 256, Streams: 1}) }},
		{"H08 ACCEPT of no streams", func(p *peer) { p.accept(framing.Accept{EntryWindow: 256, EntryBytes: 1}) }},
		{"H08 ACCEPT of what was not offered", func(p *peer) {
			p.accept(framing.Accept{Flags: framing.FlagAllowChanged, EntryWindow: 256, EntryBytes: 1, Streams: 1})
		}},
		{"H20 DONE with a path for a name", func(p *peer) {
			accepted(p)
			p.done(framing.Done{ID: 1, Status: framing.DoneRenamed, Name: []byte("../x")})
		}},
	}
}

// endless are frames of which a receiver sends more than anybody needs.
func endless() []rule {
	return []rule{
		{"H12 WANT without end", func(p *peer) {
			accepted(p)
			for range 1 << 17 {
				p.want(framing.Want{ID: 1, Kind: framing.WantAgain, Count: 3})
				if p.l.Err() != nil {
					return
				}
			}
		}},
		{"H12 pages without end", func(p *peer) {
			accepted(p)
			for range 200 {
				p.want(framing.Want{ID: 1, Kind: framing.WantPage, Count: 3, Bitmap: []byte{7}, CVs: make([]byte, 96)})
			}
		}},
		{"H12 check twice", func(p *peer) {
			accepted(p)
			for range 2 {
				p.want(framing.Want{ID: 1, Kind: framing.WantCheck})
			}
		}},
	}
}

func TestHostileReceiverBreaksRules(t *testing.T) {
	for _, c := range slices.Concat(misplaced(), malformed(), endless()) {
		t.Run(c.name, func(t *testing.T) {
			res, told, err := against(t, func(p *peer) { c.script(p); p.until(framing.TypeBye) })
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Acknowledged || res.Delivered != 0 {
				t.Errorf("%d delivered, acknowledged: %v", res.Delivered, res.Acknowledged)
			}
		})
	}
}

// What a receiver says at the end does not make a success of what was none.
func TestHostileReceiverLies(t *testing.T) {
	settled := func(p *peer) { accepted(p); p.done(same); p.until(framing.TypeEnd) }
	for _, c := range []struct {
		name   string
		code   framing.Code
		remote bool
		told   framing.Code
		script func(*peer)
	}{
		{"H17 a receipt for something else", framing.CodeDigest, false, framing.CodeDigest, func(p *peer) {
			settled(p)
			p.receipt(framing.Receipt{Delivered: 1, Durable: true})
			p.until(framing.TypeBye)
		}},
		{"H17 a receipt with another digest", framing.CodeDigest, false, framing.CodeDigest, func(p *peer) {
			settled(p)
			p.receipt(framing.Receipt{Same: 1, Digest: [32]byte{1}})
			p.until(framing.TypeBye)
		}},
		{"H17 success after an error", framing.CodeIO, true, framing.CodeNone, func(p *peer) {
			accepted(p)
			p.fault(framing.Fault{Code: framing.CodeIO})
			p.done(same)
			p.receipt(framing.Receipt{Same: 1})
		}},
		{"H17 goodbye in place of a receipt", framing.CodeLost, true, framing.CodeNone, func(p *peer) {
			settled(p)
			p.send(framing.TypeBye, new(framing.Bye).Append(nil))
		}},
		{"H17 the end in place of a receipt", framing.CodeLost, false, framing.CodeNone, settled},
		{"H06 leaving at once", framing.CodeLost, false, framing.CodeNone, func(*peer) {}},
		{"H06 leaving early", framing.CodeLost, false, framing.CodeNone, accepted},
		{"H40 declining in strange letters", framing.CodeDeclined, true, framing.CodeNone, func(p *peer) {
			p.until(framing.TypeOffer)
			d := framing.Decline{Code: framing.CodeDeclined, Message: "\x1b]52;c;cm0gLXJm\a\n\u202e"}
			p.send(framing.TypeDecline, d.Append(nil))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, told, err := against(t, c.script)
			var e *transfer.Error
			if !errors.As(err, &e) || e.Code != c.code || e.Remote != c.remote || res.Acknowledged {
				t.Errorf("ended with %v, acknowledged: %v", err, res.Acknowledged)
			}
			if told != c.told {
				t.Errorf("the peer was told %v, want %v", told, c.told)
			}
		})
	}
}

// H12, H14: what a receiver asks for beyond what this side gives is not refused,
// and not given.
func TestGreedyReceiverIsServed(t *testing.T) {
	res, told, err := against(t, func(p *peer) {
		p.until(framing.TypeOffer)
		p.accept(framing.Accept{EntryWindow: framing.MaxSize, EntryBytes: framing.MaxSize, Streams: 1<<16 - 1, RetrySeconds: 1<<32 - 1})
		for range 1000 {
			p.credit(1<<32 - 1)
		}
		p.until(framing.TypeEntry)
		p.want(framing.Want{ID: 1, Kind: framing.WantAll})
		var sums checksum.Sumset
		for end, err := range framing.ParseFileEnds(p.until(framing.TypeFileEnd)) {
			if err != nil {
				t.Error(err)
			}
			sums.Add(1, end.Size, end.Root)
		}
		p.done(framing.Done{ID: 1, Status: framing.DoneDelivered})
		p.receipt(framing.Receipt{Delivered: 1, Bytes: 3 << 20, Digest: sums.Sum()})
		p.until(framing.TypeBye)
	})
	if err != nil || told != framing.CodeNone || res.Delivered != 1 {
		t.Errorf("ended with %v, told %v, %d delivered", err, told, res.Delivered)
	}
}

// A receiver that settles a file it gave too little credit for leaves nobody
// waiting for the rest.
func TestReceiptWhileCreditIsAwaited(t *testing.T) {
	_, told, err := against(t, func(p *peer) {
		accepted(p)
		p.until(framing.TypeEnd)
		p.credit(256 << 10)
		p.want(framing.Want{ID: 1, Kind: framing.WantAll})
		p.until(framing.TypeData)
		p.fault(framing.Fault{ID: 1, Code: framing.CodePermission})
		p.receipt(framing.Receipt{Failed: 1, Digest: new(checksum.Sumset).Sum()})
		p.until(framing.TypeBye)
	})
	if !errors.Is(err, transfer.ErrIncomplete) || told != framing.CodeNone {
		t.Errorf("ended with %v, told %v", err, told)
	}
}
