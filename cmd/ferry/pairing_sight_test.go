package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// A search that has found somebody says why there is no link, while it runs and at its end.
func TestFoundAndNotReached(t *testing.T) {
	const at = "192.0.2.1:33779"
	busy := &link.Error{Code: framing.CodeBusy, Remote: true, Err: errors.New("busy")}
	for name, c := range map[string]struct {
		news              []reach.News
		shows, says, hint string
		word              string
	}{
		"nobody": {nil, "looking on eth0", "nobody with that code was found within 1m, on eth0", "is ferry send running there", ""},
		"busy": {
			[]reach.News{{Kind: reach.NewsFound, At: at}, {Kind: reach.NewsDropped, At: at, Err: busy}},
			"192.0.2.1: it is busy, or holds this address off for a while after a wrong code", "no link within 1m to 192.0.2.1, which was found: it is busy, or holds", "run again:\n    ferry receive", "busy",
		},
		"gone": {
			[]reach.News{{Kind: reach.NewsFound, At: at}, {Kind: reach.NewsDropped, At: at, Err: refusedCall()}},
			"192.0.2.1: connect: connection refused", "to 192.0.2.1, which was found", "--from ADDRESS", "",
		},
		"refused": {
			[]reach.News{{Kind: reach.NewsDropped, At: at, Err: busy}, {Kind: reach.NewsRefused, At: at}},
			"looking on eth0", "nobody with that code was found", "is ferry send running there", "",
		},
		"taken": {
			[]reach.News{{Kind: reach.NewsDropped, Relay: "relay", Err: link.ErrSameRole}, {Kind: reach.NewsTaken, Relay: "relay"}},
			"the relay relay: both sides", "the room of this code at the relay relay is another delivery's, and was not free", "another number", "busy",
		},
		"held": {
			[]reach.News{{Kind: reach.NewsDropped, Relay: "relay", Err: link.ErrSameRole}, {Kind: reach.NewsTaken, Relay: "relay"}, {Kind: reach.NewsHeld, Relay: "relay"}},
			"looking on eth0", "nobody with that code was found", "is ferry send running there", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := &connection{pairing: pairing{verb: "receive", role: link.Receiver}, args: []string{"ferry", "receive"}}
			conn.seen.takes(reach.News{Kind: reach.NewsLooking, Interfaces: []string{"eth0"}})
			for _, n := range c.news {
				conn.seen.takes(n)
			}
			if text := conn.seen.text(); !strings.HasPrefix(text, c.shows) {
				t.Errorf("shows %q", text)
			}
			var end *exitError
			if err := conn.notFound(&link.Error{Code: framing.CodeLost, Err: reach.ErrNobody}, time.Minute, nil); !errors.As(err, &end) {
				t.Fatalf("ends with %v", err)
			}
			if end.exit != exitConnection || end.word != c.word || !strings.Contains(end.Error(), c.says) || !strings.Contains(end.hint, c.hint) {
				t.Errorf("exit %d, %q: %v\n%s", end.exit, end.word, end, end.hint)
			}
		})
	}
}

// Addresses that only this machine reaches are no way for the other one.
func TestOtherWaysOfAMachineAlone(t *testing.T) {
	conn := &connection{pairing: pairing{verb: "receive", role: link.Receiver}, args: []string{"ferry", "receive"}}
	for scope, want := range map[reach.Scope]bool{reach.OwnMachine: false, reach.OwnNetwork: true} {
		v := invitation{role: link.Receiver, at: places(t, "192.0.2.7"), scope: scope}
		if got := strings.Contains(strings.Join(conn.otherWays(&v), "\n"), "--to 192.0.2.7"); got != want {
			t.Errorf("of scope %v it is called: %v", scope, got)
		}
	}
}
