package send

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/parcel"
)

// laid is a lane with all the credit that it may want, and the frames that leave on it.
func laid(t *testing.T) (*lane, *[]frame) {
	frames := new([]frame)
	p := newPurse(t.Context(), nil)
	p.grant(1 << 40)
	return &lane{out: &fakeStream{sent: func(ty framing.Type, body []byte) { *frames = append(*frames, frame{ty, body}) }}, purse: p, held: new(atomic.Int32)}, frames
}

// parsed is the header of a DATA frame, and its payload.
func parsed(t *testing.T, f frame) (framing.DataHeader, []byte) {
	t.Helper()
	in := &fakeStream{next: f.body}
	h, n, err := framing.ReadDataHeader(in, make([]byte, 52))
	if err != nil || f.t != framing.TypeData || n != in.Remaining() {
		t.Fatalf("%v: %v", f.t, err)
	}
	return h, in.next
}

// Content crosses as it is, whatever it is cut into: offsets follow each other, and the last
// piece alone has the check.
func TestLaneCutsContent(t *testing.T) {
	check := [32]byte{1, 2, 3}
	whole := pattern(checksum.ChunkSize - 1)
	for name, c := range map[string]parcel.Chunk{
		"a chunk":                {Offset: 3 * checksum.ChunkSize, Data: whole, Size: len(whole), Last: true},
		"a small chunk":          {Data: whole[:1], Size: 1, Last: true},
		"a frame of zstd":        {Offset: checksum.ChunkSize, Data: whole[:pieceBytes+1], Size: checksum.ChunkSize, Encoding: framing.EncodingZstd, Last: true},
		"a piece":                {Offset: 17, Data: whole[:100], Size: 100},
		"the end of a piece":     {Offset: 17, Data: whole[:100], Size: 100, Last: true},
		"the end that was known": {Offset: 17, Last: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, frames := laid(t)
			var owner heard
			c.Entry, c.Attempt, c.Check, c.Owner = 9, 2, check, &owner
			send := l.Chunk
			if c.Offset%checksum.ChunkSize != 0 {
				send = l.Piece
			}
			wire, err := send(t.Context(), &c)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			sum := 0
			for i, f := range *frames {
				h, payload := parsed(t, f)
				last := c.Last && i == len(*frames)-1
				want := framing.DataHeader{ID: 9, Attempt: 2, Encoding: c.Encoding, Offset: c.Offset + uint64(len(got))}
				if last {
					want.Flags, want.Check = framing.DataLast, check
				}
				if h != want {
					t.Errorf("piece %d: %+v, want %+v", i, h, want)
				}
				got = append(got, payload...)
				sum += len(f.body)
			}
			if !bytes.Equal(got, c.Data) || sum != wire || owner.moved != int64(c.Size) {
				t.Errorf("%d of %d bytes crossed in %d, said to be %d; %d of %d moved", len(got), len(c.Data), sum, wire, owner.moved, c.Size)
			}
		})
	}
}

// The bytes of a chunk are free when the link has given back each piece of it, and not before.
func TestLaneLendsUntilAllIsBack(t *testing.T) {
	l, _ := laid(t)
	var lent []func()
	l.out.(*fakeStream).keep = func(done func()) { lent = append(lent, done) }
	var owner heard
	c := &parcel.Chunk{Entry: 1, Data: pattern(checksum.ChunkSize), Size: checksum.ChunkSize, Last: true, Owner: &owner}
	if _, err := l.Chunk(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for i, back := range lent {
		if owner.freed > 0 {
			t.Fatalf("free when %d of %d pieces are back", i, len(lent))
		}
		back()
	}
	if owner.freed != 1 || len(lent) < 2 {
		t.Errorf("freed %d times, after %d pieces", owner.freed, len(lent))
	}
}

func TestLaneSendsZerosAndPacks(t *testing.T) {
	l, frames := laid(t)
	var owner heard
	zeros := parcel.Chunk{Entry: 4, Offset: checksum.ChunkSize, Size: 1000, Encoding: framing.EncodingZeros, Last: true, Check: [32]byte{7}, Owner: &owner}
	if _, err := l.Chunk(t.Context(), &zeros); err != nil {
		t.Fatal(err)
	}
	for _, p := range []parcel.Pack{{Data: []byte("files"), Size: 5, Owner: &owner}, {Data: []byte("zip"), Size: 50, Encoding: framing.EncodingZstd, Owner: &owner}} {
		if _, err := l.Pack(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	types := make([]framing.Type, 0, 3)
	for _, f := range *frames {
		types = append(types, f.t)
	}
	if !slices.Equal(types, []framing.Type{framing.TypeData, framing.TypePack, framing.TypePackZ}) {
		t.Fatalf("sent %v", types)
	}
	h, payload := parsed(t, (*frames)[0])
	if n, err := framing.ParseZeros(payload); err != nil || n != 1000 || h.Offset != zeros.Offset || !h.Last() || h.Check != zeros.Check {
		t.Errorf("zeros: %+v, %d, %v", h, n, err)
	}
	if owner.moved != 1055 || owner.freed != 2 {
		t.Errorf("%d bytes moved, and %d buffers are free again", owner.moved, owner.freed)
	}
}
