package link

import (
	"io"
	"time"

	"ferry/framing"
)

// TCP lets a new connection send ten segments, and twice as many after each round
// trip that was full. The ladder and the offer take four round trips with next to
// nothing in them. Over a long path a side that will send much fills them with PAD,
// and its bytes start where slow start would have them three round trips later.
const (
	// warmPath is the round trip from which that is worth something.
	warmPath = 20 * time.Millisecond
	// slowLine: a TLS handshake, some 3 KB, takes so many round trips only where the
	// line is slow; there PROOF would come behind seconds of PAD. It takes a system that
	// tells of the round trip.
	slowLine = 2
	// ladderPads fill the flight of HELLO and most of the next one, of 20 segments:
	// PROOF has to fit in.
	ladderPads = 9
	// offerPads fill the flight of OFFER.
	offerPads = 10
	// longestLeave bounds the time that a refused dialler is listened to.
	longestLeave = time.Second
	// maxPads is how many PADs a connection without proof may send.
	maxPads = 16
)

// warmed tells whether the connection that hello is for may be warmed: the first one
// and the one that is opened beside it early. Where many are opened at once, or a
// path was just lost, each would hold up the others.
func warmed(hello framing.Hello) bool { return hello.Epoch == 0 && hello.Stream <= 1 }

// warm fills the flight behind our HELLO. Each PAD goes out by itself: a
// connection without proof has little memory. That one cannot be sent is seen by
// the next read, which may still find out why.
func (c *channel) warm() {
	trip := c.trip()
	if !c.bulk || trip < warmPath || c.shook > slowLine*trip {
		return
	}
	body := fullPad()
	for range ladderPads {
		if c.send(framing.TypePad, body) != nil {
			return
		}
	}
}

// fullPad is the body of the largest PAD.
func fullPad() []byte {
	pad := framing.Pad{Bytes: framing.MaxPad}
	return pad.Append(nil)
}

// trip is the round trip of the connection: as the system has it, or else what the
// TLS handshake took.
func (c *channel) trip() time.Duration {
	p := Path{MinRTT: c.shook}
	readPath(c.raw.Conn, &p)
	return p.MinRTT
}

// Warm fills the round trip that begins now, if Config.Bulk is set and the path is
// long: this side has said for now what there is to say, and will soon send much.
func (l *Link) Warm() error {
	s := l.Stream(0)
	if !l.cfg.Bulk || s.Path().MinRTT < warmPath {
		return nil
	}
	body := fullPad()
	for range offerPads {
		if err := s.Send(false, framing.TypePad, body); err != nil {
			return err
		}
	}
	return s.Flush()
}

// leave takes in what a dialler that was refused sent behind its HELLO: a connection
// that is closed with something unread is reset, and on some systems the refusal is
// lost with it. It ends at the latest with the time that the proof has.
func (c *channel) leave(until time.Time) {
	trip := c.trip()
	end := time.Now().Add(min(2*trip, longestLeave))
	if end.After(until) {
		end = until
	}
	if trip < warmPath || c.raw.SetReadDeadline(end) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.raw.Conn, maxPads*2*int64(framing.MaxPad))
}

// padded takes a PAD on a connection without proof.
func (c *channel) padded(body []byte) error {
	if _, err := framing.ParsePad(body); err != nil {
		return err
	}
	if c.pads++; c.pads > maxPads {
		return &framing.Error{Type: framing.TypePad, Code: framing.CodeProtocol, Err: errUnexpected}
	}
	return nil
}
