package framing

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// goodBodies are the bodies of all good vectors, by type.
func goodBodies(t testing.TB) map[Type][][]byte {
	t.Helper()
	bodies := map[Type][][]byte{}
	for _, v := range loadVectors(t) {
		if v.expect == "ok" {
			typ := Type(v.frame[4])
			bodies[typ] = append(bodies[typ], v.frame[headerSize:])
		}
	}
	return bodies
}

// checkBody holds a body, good or not, against what doc.go promises: it is
// refused with an *Error, or what was parsed is what Append writes.
func checkBody(t *testing.T, typ Type, body []byte) (value any, ok bool) {
	t.Helper()
	if typ == TypePad {
		return nil, true // what it holds means nothing, and nobody parses it
	}
	before := bytes.Clone(body)
	value, again, err := codecs[typ](body)
	if !bytes.Equal(before, body) {
		t.Fatalf("parsing changed the body of a %v", typ)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Type != typ || e.Code != CodeProtocol && e.Code != CodeVersion {
			t.Fatalf("%v: %v is not an *Error that blames the peer", typ, err)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%v: %v looks like a lost connection", typ, err)
		}
		return nil, false
	}
	if typ == TypeHello || typ == TypeRHello {
		ok = bytes.HasPrefix(body, again)
	} else {
		ok = bytes.Equal(body, again)
	}
	if !ok {
		t.Fatalf("%v: %x parses, and is appended as %x", typ, body, again)
	}
	return value, true
}

func TestEveryPrefixFailsOrEndsWithARecord(t *testing.T) {
	for typ, bodies := range goodBodies(t) {
		for _, body := range bodies {
			value, _ := checkBody(t, typ, body)
			whole := reflect.ValueOf(value)
			for n := range len(body) {
				value, ok := checkBody(t, typ, body[:n:n])
				if !ok {
					continue
				}
				switch {
				case whole.Kind() == reflect.Slice && reflect.ValueOf(value).Len() < whole.Len():
				case typ == TypeData && n > dataFixed: // a shorter payload
				case typ == TypeHello && reflect.DeepEqual(value, unmarked(whole)): // no mark, or a part of one
				case (typ == TypeHello || typ == TypeRHello) && reflect.DeepEqual(value, whole.Interface()): // fewer unknown fields
				default:
					t.Errorf("%v: the first %d bytes of %x parse", typ, n, body)
				}
			}
		}
	}
}

// unmarked is a Hello without the mark of a machine.
func unmarked(hello reflect.Value) Hello {
	m := hello.Interface().(Hello)
	m.Machine = [16]byte{}
	return m
}

func TestEveryBitFlipFailsOrIsAnotherValue(t *testing.T) {
	for typ, bodies := range goodBodies(t) {
		for _, body := range bodies {
			body := bytes.Clone(body[:min(len(body), 700)])
			for i := range 8 * len(body) {
				body[i/8] ^= 1 << (i % 8)
				checkBody(t, typ, body)
				body[i/8] ^= 1 << (i % 8)
			}
		}
	}
}

func TestAppendKeepsWhatPrecedes(t *testing.T) {
	got := (&Credit{Bytes: 7}).Append([]byte("before"))
	if string(got) != "before\x00\x00\x00\x07" {
		t.Errorf("%q", got)
	}
}

func TestLargestMessagesFitTheirLimit(t *testing.T) {
	var sum [DigestSize]byte
	text := strings.Repeat("x", maxMessage)
	offer := Offer{Items: MaxSize, Bytes: MaxSize}
	for range MaxListed {
		offer.Listed = append(offer.Listed, OfferItem{KindFile, make([]byte, MaxName), MaxSize + 1})
	}
	page := Want{ID: MaxSize, Kind: WantPage, First: maxChunks - MaxPage}
	for range MaxPage {
		page.AddChunk(sum[:])
	}
	file := Entry{ID: MaxSize, Parent: MaxSize - 1, Kind: KindSymlink, Name: make([]byte, MaxName), Target: make([]byte, MaxTarget), Sec: math.MinInt64, Nsec: maxNsec}
	for typ, body := range map[Type][]byte{
		TypeOffer:   offer.Append(nil),
		TypeAccept:  (&Accept{EntryWindow: MaxSize, EntryBytes: MaxSize, Streams: 1}).Append(nil),
		TypeDecline: (&Decline{CodeNoSpace, text}).Append(nil),
		TypeBye:     (&Bye{CodeInternal, text}).Append(nil),
		TypeFault:   (&Fault{MaxSize, CodeInternal, text}).Append(nil),
		TypeEntry:   file.Append(AppendEntryHeader(nil, MaxSize)),
		TypeWant:    page.Append(nil),
		TypePack:    appendPacked(&Packed{ID: MaxSize, Data: make([]byte, maxBody-44)}, nil),
		TypeChecked: (&Checked{MaxSize, 255, maxChunks - MaxPage, MaxPage, bytes.Repeat([]byte{255}, MaxPage/8)}).Append(nil),
		TypeReceipt: (&Receipt{MaxSize, MaxSize, MaxSize, MaxSize, MaxSize, true, sum}).Append(nil),
		TypeFileEnd: (&FileEnd{ID: MaxSize, Size: MaxSize, Chunks: MaxSize}).Append(nil),
		TypeDone:    (&Done{ID: MaxSize, Status: DoneRenamed, Name: make([]byte, MaxName)}).Append(nil),
		TypeWarn:    (&Warn{MaxSize, attrsKnown, CodePermission}).Append(nil),
		TypeChanged: (&Changed{MaxSize, 255, maxMode, math.MinInt64, maxNsec, MaxSize}).Append(nil),
		TypeData:    append(AppendDataHeader(nil, &DataHeader{ID: MaxSize, Flags: DataLast}), make([]byte, maxPiece)...),
	} {
		if _, _, err := codecs[typ](body); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
		if err := NewWriter(io.Discard).WriteFrame(typ, body); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
	}
}

// A cause that is too long to report must still be reported.
func TestLongMessagesAreCut(t *testing.T) {
	for pad := range 5 {
		long := strings.Repeat("a", pad) + strings.Repeat("世界𝄞", maxMessage)
		m, err := ParseFault((&Fault{Code: CodeIO, Message: long}).Append(nil))
		if err != nil || !strings.HasPrefix(long, m.Message) || len(m.Message) <= maxMessage-utf8.UTFMax || !utf8.ValidString(m.Message) {
			t.Errorf("pad %d: %d bytes, %v", pad, len(m.Message), err)
		}
	}
	noise := strings.Repeat("\x80", 2*maxMessage)
	m, err := ParseBye((&Bye{CodeIO, noise}).Append(nil))
	if err != nil || len(m.Message) <= maxMessage-2*utf8.UTFMax {
		t.Errorf("noise: %d bytes, %v", len(m.Message), err)
	}
}

func TestIterationsCanBeStoppedAndRunAgain(t *testing.T) {
	body := AppendEntryHeader(nil, 5)
	for _, name := range []string{"a", "b", "c"} {
		body = (&Entry{Kind: KindFolder, Name: []byte(name)}).Append(body)
	}
	seq := ParseEntries(body)
	for range 2 {
		for e, err := range seq {
			if err != nil || e.ID != 5 || string(e.Name) != "a" {
				t.Fatalf("%+v, %v", e, err)
			}
			break
		}
	}
	if all, err := collect(seq); err != nil || len(all) != 3 || all[2].ID != 7 {
		t.Errorf("%+v, %v", all, err)
	}
	dones := ParseDones((&Done{ID: 2, Status: DoneSame}).Append((&Done{ID: 1, Status: DoneSame}).Append(nil)))
	for range 2 {
		if all, err := collect(dones); err != nil || len(all) != 2 || all[0].ID != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

func TestPageSaysWhatIsHeld(t *testing.T) {
	cv := func(i uint64) []byte { return bytes.Repeat([]byte{byte(i)}, DigestSize) }
	for _, n := range []uint64{1, 7, 8, 9, 63, MaxPage} {
		held := func(i uint64) bool { return i%3 == 0 || i == 100+n-1 }
		m := Want{ID: 1, Kind: WantPage, First: 100}
		for i := m.First; i < 100+n; i++ {
			if held(i) {
				m.AddChunk(cv(i))
			} else {
				m.AddChunk(nil)
			}
		}
		all, err := collect(ParseWants(m.Append(nil)))
		if err != nil || len(all) != 1 {
			t.Fatalf("%d chunks: %v", n, err)
		}
		page := all[0]
		if page.Count != n || len(page.Bitmap) != int(n+7)/8 {
			t.Fatalf("%d chunks: count %d, bitmap of %d bytes", n, page.Count, len(page.Bitmap))
		}
		var cvs []byte
		for i := range n {
			if bit := page.Bitmap[i/8]>>(i%8)&1 == 1; bit != held(100+i) {
				t.Errorf("%d chunks: chunk %d held: %v", n, 100+i, bit)
			} else if bit {
				cvs = append(cvs, cv(100+i)...)
			}
		}
		if !bytes.Equal(page.CVs, cvs) {
			t.Errorf("%d chunks: wrong CVs", n)
		}
	}
}

// A parser takes from the heap what its result needs, not what a number in the
// body claims.
func TestClaimsCostNothing(t *testing.T) {
	var d DataHeader
	claims := map[Type][]byte{
		TypeHello:   append(make([]byte, 37), 0x40),
		TypeOffer:   append(make([]byte, 8), 0, 0, 0, 64),
		TypeDecline: {1, 0x80, 0x08},
		TypeEntry:   append([]byte{1, byte(KindSymlink), 0, 0, 1, 'a', 0, 0, 0}, 0xff, 0x1f),
		TypeWant:    {1, 0, byte(WantPage), 0, 0x80, 0x20, 1},
		TypeWarn:    {1, 1},
		TypePack:    append([]byte{1, 0x80, 0x80, 0x10}, make([]byte, DigestSize)...),
		TypeData:    AppendDataHeader(nil, &d),
	}
	for typ, body := range claims {
		const runs = 200
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, _, err := codecs[typ](body); err == nil {
				t.Fatalf("%v: parsed", typ)
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 2048 {
			t.Errorf("%v: %d bytes allocated for a claim", typ, got)
		}
	}
}
