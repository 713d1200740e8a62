package framing

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// calls records each Write as the slice that it was given.
type calls struct {
	got   [][]byte
	bytes []byte
	fail  error // returned from then on
	short bool  // claim less than was given, and no error
}

func (c *calls) Write(p []byte) (int, error) {
	if c.fail != nil {
		return 0, c.fail
	}
	c.got, c.bytes = append(c.got, p), append(c.bytes, p...)
	if c.short {
		return len(p) - 1, nil
	}
	return len(p), nil
}

func TestSmallFramesAreOneWrite(t *testing.T) {
	var out calls
	w := NewWriter(&out)
	if err := w.WriteFrame(TypeBye, []byte{0}, nil, []byte("\x02hi"), nil); err != nil {
		t.Fatal(err)
	}
	if len(out.got) != 1 || string(out.bytes) != "\x00\x00\x00\x05\x1f\x00\x02hi" {
		t.Errorf("%d writes, %q", len(out.got), out.bytes)
	}
}

func TestLargeLastPartIsNotCopied(t *testing.T) {
	head := AppendDataHeader(nil, &DataHeader{ID: 1})
	for n, writes := range map[int]int{1: 1, wholeWrite - 1: 1, wholeWrite: 2, maxBody - dataFixed: 2} {
		payload := bytes.Repeat([]byte{7}, n)
		var out calls
		if err := NewWriter(&out).WriteFrame(TypeData, head, payload); err != nil {
			t.Fatal(err)
		}
		want := append(append(header(uint32(1+len(head)+n), TypeData), head...), payload...)
		if !bytes.Equal(out.bytes, want) {
			t.Errorf("payload of %d bytes: wrong frame", n)
		}
		if len(out.got) != writes || (writes == 2) != (&out.got[len(out.got)-1][0] == &payload[0]) {
			t.Errorf("payload of %d bytes: %d writes", n, len(out.got))
		}
	}
}

func TestWriterRefusesWhatAReaderWould(t *testing.T) {
	for v := range 256 {
		typ := Type(v)
		limit := Limit(typ)
		for _, n := range []int{0, 1, limit, limit + 1} {
			var out calls
			err := NewWriter(&out).WriteFrame(typ, make([]byte, n/2), make([]byte, n-n/2))
			var e *Error
			if fits := n > 0 && n <= limit; fits != (err == nil) {
				t.Errorf("%v, %d bytes: %v", typ, n, err)
			} else if !fits && (!errors.As(err, &e) || e.Code != CodeInternal || len(out.got) != 0) {
				t.Errorf("%v, %d bytes: %v, %d writes", typ, n, err, len(out.got))
			}
		}
	}
	if err := NewWriter(io.Discard).WriteFrame(TypeBye); err == nil {
		t.Error("a frame of no parts was written")
	}
}

func TestWriterErrorsStick(t *testing.T) {
	cause := errors.New("gone")
	out := calls{fail: cause}
	w := NewWriter(&out)
	first := w.WriteFrame(TypeCredit, []byte{0, 0, 0, 1})
	if !errors.Is(first, cause) || errors.As(first, new(*Error)) {
		t.Errorf("got %v", first)
	}
	out.fail = nil
	if err := w.WriteFrame(TypeCredit, []byte{0, 0, 0, 1}); err != first || len(out.got) != 0 {
		t.Errorf("then %v and %d writes", err, len(out.got))
	}
	if err := w.WriteFrame(TypeCredit); err != first {
		t.Errorf("a later mistake took the place of the first error: %v", err)
	}
	short := calls{short: true}
	if err := NewWriter(&short).WriteFrame(TypeData, make([]byte, 100), make([]byte, wholeWrite)); !errors.Is(err, io.ErrShortWrite) || len(short.got) != 1 {
		t.Errorf("short write: %v, %d writes", err, len(short.got))
	}
}
