//go:build unix

package main

import (
	"strings"
	"testing"

	"ferry/transfer/link"
)

// A receiver without an address is asked for the code of the sender. Nothing means that
// there is none, and an address is called.
func TestMeetQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		typed []string
		want  string
		dials string
	}{
		"a code":               {[]string{ourCode + "\r"}, ourCode, ""},
		"three letters":        {[]string{"173 caj eno sky\r"}, ourCode, ""},
		"nothing":              {[]string{"\r"}, "", ""},
		"a mistake":            {[]string{"oops\r", ourCode + "\r"}, ourCode, ""},
		"an address":           {[]string{"192.0.2.7\r", ourCode + "\r"}, ourCode, "192.0.2.7:33779"},
		"with a port":          {[]string{"nas:4000\r", ourCode + "\r"}, ourCode, "nas:4000"},
		"a name with a hyphen": {[]string{"old-nas.lan:4000\r", ourCode + "\r"}, ourCode, "old-nas.lan:4000"},
		"again":                {[]string{"nas:4000\r", "192.0.2.7:4000\r", ourCode + "\r"}, ourCode, "nas:4000"},
		"a secret with a port": {[]string{"7-my-secret:4000\r"}, "7-my-secret:4000", ""},
		"the command":          {[]string{"ferry receive --from nas\r", ourCode + "\r"}, ourCode, "nas:33779"},
		"a name may be a word": {[]string{"skylight\r", ourCode + "\r"}, ourCode, ""},
	} {
		t.Run(name, func(t *testing.T) {
			person, env := terminalOf(t)
			person.seen.expect(meetQuestion)
			type end struct {
				code  string
				made  bool
				dials string
			}
			got := make(chan end, 1)
			go func() {
				s := newCodeSource(pairing{verb: "receive", role: link.Receiver, ways: waysArgs{lan: true, asks: true}}, env)
				code, made, err := s.find(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- end{code.Reveal(), made, s.pairing.dial}
			}()
			for i, keys := range c.typed {
				<-person.seen.next()
				if c.dials != "" || i > 0 {
					person.seen.expect(codeQuestion)
				} else {
					person.seen.expect(meetQuestion)
				}
				person.types(t, keys)
			}
			switch e := <-got; {
			case e.made != (c.want == ""), !e.made && e.code != c.want, e.dials != c.dials:
				t.Errorf("%+v\n%s", e, person.seen)
			}
		})
	}
}

// An address in the place of a code is not taken for one, and it is said what to do.
func TestAddressForACode(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7:33779":  "ferry receive --from ADDRESS",
		"192.0.2.7":        "ferry receive --from ADDRESS",
		"[fe80::1%a-b]:33": "ferry receive --from ADDRESS",
		"old-nas.lan:4000": "ferry receive --from ADDRESS",
		"7-my-secret:4000": "",
		ourCode:            "",
	} {
		_, err := newCodeSource(pairing{verb: "receive", role: link.Receiver}, &Env{}).parseFrom(codeVariable, text)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, c := range []struct {
		p    pairing
		want string
	}{
		{pairing{verb: "send", role: link.Sender}, "ferry send --to ADDRESS"},
		{pairing{verb: "send", role: link.Sender, dial: "h:1"}, "what the other side shows"},
	} {
		if _, err := newCodeSource(c.p, &Env{}).parseFrom(codeVariable, "192.0.2.7:33779"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.p, err)
		}
	}
}

func TestWaysOfACode(t *testing.T) {
	ways := waysArgs{lan: true}
	for _, c := range []struct {
		p      pairing
		made   bool
		search bool
		listen bool
		wait   bool
	}{
		{pairing{role: link.Sender, ways: ways, listen: ":1"}, true, false, true, false},
		{pairing{role: link.Sender, ways: ways, listen: ":1"}, false, true, true, false},
		{pairing{role: link.Receiver, ways: ways, listen: ":1"}, false, true, true, true},
		{pairing{role: link.Receiver, listen: ":1"}, false, false, true, false},
		{pairing{role: link.Receiver, dial: "h:1", to: places(t, "h:1"), wait: 1}, false, false, false, true},
	} {
		w := c.p.waysFor(link.Code{}, c.made, 0)
		if w.Search != c.search || (w.Listen != "") != c.listen || (c.p.limit(c.made) > 0) != c.wait {
			t.Errorf("%+v becomes %+v, limit %s", c.p, w, c.p.limit(c.made))
		}
	}
}
