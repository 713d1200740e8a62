package framing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// header makes a frame header with any length.
func header(length uint32, t Type) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), byte(t))
}

// someFrames is a stream of small frames of several types.
func someFrames(t testing.TB) (stream []byte, bodies [][]byte, types []Type) {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	add := func(typ Type, body []byte) {
		if err := w.WriteFrame(typ, body); err != nil {
			t.Fatal(err)
		}
		bodies, types = append(bodies, body), append(types, typ)
	}
	add(TypeProof, new(Proof).Append(nil))
	add(TypeCredit, (&Credit{Bytes: 9}).Append(nil))
	add(TypeDone, (&Done{ID: 3, Status: DoneSame}).Append(nil))
	add(TypeData, append(AppendDataHeader(nil, &DataHeader{ID: 1, Flags: DataLast}), "content"...))
	return out.Bytes(), bodies, types
}

func TestReaderTakesBytesAsTheyCome(t *testing.T) {
	stream, bodies, types := someFrames(t)
	for name, slow := range map[string]func(io.Reader) io.Reader{
		"whole":     func(r io.Reader) io.Reader { return r },
		"bytes":     iotest.OneByteReader,
		"halves":    iotest.HalfReader,
		"data, EOF": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(slow(bytes.NewReader(stream)))
			for i, want := range bodies {
				typ, n, err := r.Next()
				if err != nil || typ != types[i] || n != len(want) || r.Remaining() != n {
					t.Fatalf("frame %d: %v, %d bytes, %v", i, typ, n, err)
				}
				first := make([]byte, n/2)
				if err := r.ReadFull(first); err != nil {
					t.Fatal(err)
				}
				rest, err := r.Body()
				if err != nil || !bytes.Equal(append(first, rest...), want) || r.Remaining() != 0 {
					t.Fatalf("frame %d: %x %x, %v", i, first, rest, err)
				}
			}
			for range 2 {
				if _, _, err := r.Next(); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			}
		})
	}
}

func TestReaderTellsAnEndFromACut(t *testing.T) {
	stream, bodies, _ := someFrames(t)
	boundary := map[int]bool{0: true}
	for at, i := 0, 0; i < len(bodies); i++ {
		at += headerSize + len(bodies[i])
		boundary[at] = true
	}
	for cut := range len(stream) + 1 {
		r := NewReader(iotest.OneByteReader(bytes.NewReader(stream[:cut])))
		var err error
		for err == nil {
			if _, _, err = r.Next(); err == nil {
				_, err = r.Body()
			}
		}
		if boundary[cut] {
			if err != io.EOF {
				t.Errorf("cut at %d, between frames: %v", cut, err)
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*Error)) {
			t.Errorf("cut at %d, inside a frame: %v", cut, err)
		}
		if _, _, again := r.Next(); again != err {
			t.Errorf("cut at %d: then %v", cut, again)
		}
	}
}

// lengths around every limit, and around the edges of the number's width.
func TestReaderChecksLengthBeforeAllocating(t *testing.T) {
	for v := range 256 {
		typ := Type(v)
		limit := uint32(Limit(typ))
		for _, length := range []uint32{0, 1, limit, limit + 1, limit + 2, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
			// Asking for anything behind the header fails the test.
			src := io.MultiReader(bytes.NewReader(header(length, typ)), iotest.ErrReader(errors.New("asked for more")))
			r := NewReader(src)
			_, n, err := r.Next()
			fits := limit > 0 && length >= 1 && length <= limit+1
			if fits && (err != nil || n != int(length)-1) {
				t.Errorf("%v, length %d: %d, %v", typ, length, n, err)
			}
			var e *Error
			if !fits && (!errors.As(err, &e) || e.Code != CodeProtocol) {
				t.Errorf("%v, length %d: %v", typ, length, err)
			}
			if !fits && length > 0 && e.Type != typ {
				t.Errorf("%v, length %d: the error names %v", typ, length, e.Type)
			}
			if r.buf != nil {
				t.Errorf("%v, length %d: a buffer of %d bytes", typ, length, cap(r.buf))
			}
		}
	}
}

func TestBodyBufferStaysWithinTheLimit(t *testing.T) {
	r := NewReader(bytes.NewReader(header(maxBody+1, TypeData)))
	if _, n, err := r.Next(); err != nil || n != maxBody {
		t.Fatal(n, err)
	}
	if _, err := r.Body(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if cap(r.buf) > maxBody {
		t.Errorf("a buffer of %d bytes", cap(r.buf))
	}
}

// A length of 0 has no type byte: waiting for one would hang.
func TestLengthZeroWaitsForNothing(t *testing.T) {
	src := io.MultiReader(bytes.NewReader(make([]byte, 4)), iotest.ErrReader(errors.New("asked for more")))
	if _, _, err := NewReader(src).Next(); !errors.Is(err, errShort) {
		t.Error(err)
	}
}

func TestReaderRefusesToSkip(t *testing.T) {
	stream, _, _ := someFrames(t)
	r := NewReader(bytes.NewReader(stream))
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Next()
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeInternal || e.Type != TypeProof {
		t.Errorf("unread body: %v", err)
	}
	if _, body := r.Body(); body != err {
		t.Errorf("then %v", body)
	}
}

func TestReadFullStaysInItsFrame(t *testing.T) {
	stream, bodies, _ := someFrames(t)
	r := NewReader(bytes.NewReader(stream))
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	err := r.ReadFull(make([]byte, len(bodies[0])+1))
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeProtocol {
		t.Errorf("got %v", err)
	}
	if again := r.ReadFull(make([]byte, 1)); again != err {
		t.Errorf("then %v", again)
	}
}

func TestRestrict(t *testing.T) {
	stream, _, _ := someFrames(t)
	r := NewReader(bytes.NewReader(stream))
	r.Restrict(TypeHello, TypeProof)
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Body(); err != nil {
		t.Fatal(err)
	}
	r.Restrict()
	if typ, _, err := r.Next(); err != nil || typ != TypeCredit {
		t.Fatal(typ, err)
	}
	if _, err := r.Body(); err != nil {
		t.Fatal(err)
	}
	r.Restrict(TypeHello)
	_, _, err := r.Next()
	if !errors.Is(err, errNotNow) || r.Remaining() != 0 {
		t.Errorf("got %v with %d bytes left", err, r.Remaining())
	}
}

func TestReaderReadsNoByteAhead(t *testing.T) {
	stream, bodies, _ := someFrames(t)
	src := bytes.NewReader(stream)
	r := NewReader(src)
	at := 0
	for _, body := range bodies {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Body(); err != nil {
			t.Fatal(err)
		}
		at += headerSize + len(body)
		if got := len(stream) - src.Len(); got != at {
			t.Fatalf("%d bytes taken, %d due", got, at)
		}
	}
}

// Every body of a DATA, whole or cut off, is refused with an *Error or leaves the
// Reader at its payload, with a header that is appended as it came.
func TestReadDataHeaderStopsAtThePayload(t *testing.T) {
	bodies := goodBodies(t)[TypeData]
	for _, v := range loadVectors(t) {
		if v.file == "data" && v.expect != "ok" {
			bodies = append(bodies, v.frame[headerSize:])
		}
	}
	read := 0
	for _, whole := range bodies {
		for n := 1; n <= len(whole); n++ {
			body := whole[:n]
			r := NewReader(io.MultiReader(bytes.NewReader(header(uint32(1+n), TypeData)), bytes.NewReader(body)))
			if _, _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			h, payload, err := ReadDataHeader(r, make([]byte, dataFull))
			if err != nil {
				if !errors.As(err, new(*Error)) {
					t.Errorf("%x: %v is no *Error", body, err)
				}
				continue
			}
			read++
			again := AppendDataHeader(nil, &h)
			if payload != r.Remaining() || !bytes.Equal(again, body[:n-payload]) {
				t.Errorf("%x: read %+v before %d bytes, %d are left", body, h, payload, r.Remaining())
			}
			rest, err := r.Body()
			if err != nil || !bytes.Equal(rest, body[n-payload:]) {
				t.Errorf("%x: the payload is %x, %v", body, rest, err)
			}
		}
	}
	if read < len(goodBodies(t)[TypeData]) {
		t.Errorf("only %d headers were read", read)
	}
}
