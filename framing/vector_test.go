package framing

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"ferry/framing/vector"
)

// vectorDir holds frames that were encoded from PROTOCOL.md by another program
// than this package. PROTOCOL.md section 10 describes the files.
const vectorDir = "../testdata/frames"

type frameVector struct {
	file, name, expect, value string
	frame                     []byte
}

func loadVectors(t testing.TB) []frameVector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors in %s: %v", vectorDir, err)
	}
	var all []frameVector
	for _, path := range paths {
		stanzas, err := vector.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range stanzas {
			all = append(all, frameVectorOf(t, path, &stanzas[i]))
		}
	}
	return all
}

func frameVectorOf(t testing.TB, path string, s *vector.Stanza) frameVector {
	t.Helper()
	v := frameVector{file: strings.TrimSuffix(filepath.Base(path), ".txt")}
	v.name, _ = s.Text("name")
	v.expect, _ = s.Text("expect")
	v.value, _ = s.Text("value")
	frame, err := s.Bytes("hex")
	if err != nil || v.name == "" || v.expect == "" || (v.expect == "ok") != (v.value != "") {
		t.Fatalf("%s: incomplete vector %q: %v", path, v.name, err)
	}
	v.frame = frame
	return v
}

// expectations maps the words of the vectors to errors and their codes.
var expectations = map[string]struct {
	err  error
	code Code
}{
	"short":       {errShort, CodeProtocol},
	"trailing":    {errTrailing, CodeProtocol},
	"empty":       {errEmpty, CodeProtocol},
	"range":       {errRange, CodeProtocol},
	"not-minimal": {errNotMinimal, CodeProtocol},
	"unknown":     {errUnknown, CodeProtocol},
	"reserved":    {errNotZero, CodeProtocol},
	"mismatch":    {errMismatch, CodeProtocol},
	"version":     {nil, CodeVersion},
}

// readFrame takes one frame through a Reader and its parser.
func readFrame(frame []byte) (t Type, value any, again []byte, err error) {
	r := NewReader(bytes.NewReader(frame))
	t, _, err = r.Next()
	if err != nil {
		return 0, nil, nil, err
	}
	body, err := r.Body()
	if err != nil {
		return t, nil, nil, err
	}
	value, again, err = codecs[t](body)
	if err != nil {
		return t, value, nil, err
	}
	if _, _, end := r.Next(); end != io.EOF {
		return t, value, again, errors.New("bytes behind the frame")
	}
	return t, value, again, nil
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.file+"/"+v.name, func(t *testing.T) {
			typ, value, again, err := readFrame(v.frame)
			switch want, known := expectations[v.expect]; {
			case v.expect == "ok":
				checkGood(t, v, typ, value, again, err)
			case v.expect == "truncated":
				if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*Error)) {
					t.Errorf("got %v, want an unexpected end that is no *Error", err)
				}
			case v.expect == "eof":
				if err != io.EOF {
					t.Errorf("got %v, want io.EOF itself", err)
				}
			case !known:
				t.Fatalf("unknown expectation %q", v.expect)
			default:
				var e *Error
				if !errors.As(err, &e) || e.Code != want.code || want.err != nil && !errors.Is(err, want.err) {
					t.Errorf("got %v, want %s (%v)", err, v.expect, want.err)
				}
				if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
					t.Errorf("%v looks like a lost connection", err)
				}
			}
		})
	}
}

func checkGood(t *testing.T, v frameVector, typ Type, value any, again []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ToUpper(v.file); typ.String() != want {
		t.Errorf("type %v in the vectors of %s", typ, want)
	}
	if got := dump(value); got != v.value {
		t.Errorf("parsed\n %s, want\n %s", got, v.value)
	}
	var out bytes.Buffer
	if err := NewWriter(&out).WriteFrame(typ, again); err != nil {
		t.Fatal(err)
	}
	if typ == TypeHello || typ == TypeRHello { // what a later version adds is not written again
		if !bytes.HasPrefix(v.frame[headerSize:], again) {
			t.Errorf("appended %x", again)
		}
	} else if !bytes.Equal(out.Bytes(), v.frame) {
		t.Errorf("wrote %x", out.Bytes())
	}
}

// TestVectorsCoverEveryType keeps vectors from vanishing with a renamed folder
// or a new type.
func TestVectorsCoverEveryType(t *testing.T) {
	good, bad := map[string]int{}, map[string]int{}
	for _, v := range loadVectors(t) {
		if v.expect == "ok" {
			good[v.file]++
		} else {
			bad[v.file]++
		}
	}
	for typ := range codecs {
		name := strings.ToLower(typ.String())
		if good[name] == 0 || bad[name] == 0 {
			t.Errorf("%v: %d good and %d bad vectors", typ, good[name], bad[name])
		}
	}
	if bad["header"] == 0 {
		t.Error("no vectors of broken headers")
	}
}
