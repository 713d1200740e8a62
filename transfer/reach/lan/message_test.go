package lan

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"ferry/framing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// vectors are the messages of testdata/packets.txt, in its order.
func vectors() []message {
	nonce := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	ask := message{nonce: nonce, tag: tagOf(nonce, "7"), role: framing.RoleSender, port: 33779}
	call := ask
	call.flags, call.instance = flagCall|flagSearches, [8]byte{0xff, 1: 0xee, 7: 0x11}
	reply := message{answer: true, nonce: nonce, tag: ask.tag, role: framing.RoleReceiver, port: 65535, instance: [8]byte{7: 1}}
	both := reply
	both.flags, both.port = flagSearches, 1
	return []message{ask, call, reply, both}
}

// The packets are what they were: a later version has to find this one.
func TestPackets(t *testing.T) {
	text, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	all := vectors()
	if len(lines) != len(all) {
		t.Fatalf("%d packets for %d messages", len(lines), len(all))
	}
	for n, m := range all {
		raw, err := m.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw); got != lines[n] {
			t.Errorf("message %d is\n%s, not\n%s", n, got, lines[n])
		}
		back, err := parse(raw)
		if err != nil || *back != m {
			t.Errorf("message %d reads back as %+v, %v", n, back, err)
		}
		// Another reader finds the records of RFC 6762 in it.
		var d dnsmessage.Message
		if err := d.Unpack(raw); err != nil || d.ID != 0 || len(d.Additionals) != 1 || len(d.Questions)+len(d.Answers) != 1 {
			t.Errorf("message %d: %v, %v", n, err, d.GoString())
		}
		if len(raw) > mostBytes/2 {
			t.Errorf("message %d has %d bytes", n, len(raw))
		}
	}
}

// No part of a packet is foreign to the reader: each prefix and each change of a byte is
// either refused or another message.
func TestParseRefuses(t *testing.T) {
	for _, m := range vectors() {
		raw, err := m.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range raw {
			if got, err := parse(raw[:n]); !errors.Is(err, errForeign) {
				t.Fatalf("%d bytes of it are %+v, %v", n, got, err)
			}
			changed := bytes.Clone(raw)
			changed[n] ^= 1
			if got, err := parse(changed); err == nil && *got == m {
				t.Errorf("byte %d says nothing", n)
			}
		}
		if _, err := parse(append(raw, 0)); err == nil {
			t.Error("a byte more is taken")
		}
	}
	for _, m := range []message{{role: 3}, {role: 0}, {role: 1, flags: 4}} {
		raw, err := m.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(raw); err == nil {
			t.Errorf("%+v is taken", got)
		}
	}
	if _, err := parse(make([]byte, mostBytes+1)); err == nil {
		t.Error("a long packet is taken")
	}
}

// The tag tells rooms apart, and searches for the same room too.
func TestTag(t *testing.T) {
	one, two := [8]byte{1}, [8]byte{2}
	if tagOf(one, "7") == tagOf(two, "7") || tagOf(one, "7") == tagOf(one, "8") {
		t.Error("tags do not tell")
	}
}

// What parse takes is exactly what append writes.
func FuzzParse(f *testing.F) {
	for _, m := range vectors() {
		raw, err := m.append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x05_http\x04_tcp\x05local\x00\x00\x0c\x00\x01\x00\x00\x00\x78\x00\x02\xc0\x0c"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw)
		if err != nil {
			return
		}
		again, err := m.append(nil)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%x is %+v, which is %x, %v", raw, m, again, err)
		}
	})
}
