package progress

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
)

// sentRemarks is a stream that takes apart what is sent.
type sentRemarks struct {
	framing.Stream
	t    *testing.T
	seen map[framing.RemarkKind]int
}

func (s *sentRemarks) Send(_ bool, _ framing.Type, parts ...[]byte) error {
	for m, err := range framing.ParseRemarks(bytes.Join(parts, nil)) {
		if err != nil {
			s.t.Fatal(err)
		}
		s.seen[m.Kind]++
	}
	return nil
}

// What comes too fast is counted and not told, but for the names that the other side's list
// needs.
func TestNoEscapedNameIsLost(t *testing.T) {
	tracker := New(nil)
	tracker.Share(false)
	tracker.ShareNames()
	long := errors.New(strings.Repeat("x", 8<<10))
	const notices = 2 * mostRemarks / (8 << 10)
	for range notices {
		tracker.Tell(transfer.Notice{Path: "p", Err: long})
	}
	if !tracker.Escaped(7, "a:b", "a%3Ab") {
		t.Error("it is not time to send")
	}
	out := &sentRemarks{t: t, seen: make(map[framing.RemarkKind]int)}
	if err := tracker.SendRemarks(out); err != nil {
		t.Fatal(err)
	}
	if n := out.seen[framing.RemarkNotice]; n >= notices {
		t.Errorf("all of %d notices were kept", n)
	}
	if n := out.seen[framing.RemarkEscaped]; n != 1 {
		t.Errorf("%d escaped names were told", n)
	}
}
