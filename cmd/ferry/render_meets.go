package main

import (
	"errors"
	"strings"

	"ferry/transfer/reach"
	"ferry/transfer/reach/relayed"
)

// What is told of how the two sides meet is said here, for people and for programs.

// meetsText says it in one line; "" when nothing is worth saying.
func meetsText(n reach.News) string {
	at := hostOf(n.At)
	switch n.Kind {
	case reach.NewsLooking:
		return "looking " + lookedAt(n)
	case reach.NewsFound:
		return "found at " + at
	case reach.NewsRefused:
		if n.Relay != "" {
			return "the ferry in the room of this code, at the relay " + n.Relay + ", refused the code; looking for another"
		}
		return "the ferry at " + at + " refused the code; looking for another"
	case reach.NewsRelay:
		if n.Err != nil {
			return "no connection to the relay " + n.Relay + " now: " + newsCause(n)
		}
		return "the relay " + n.Relay + " is there again"
	case reach.NewsTaken:
		return "the room of this code, at the relay " + n.Relay + ", is another delivery's: this side takes it once it is free. A code with another number in front need not wait"
	case reach.NewsHeld:
		return "the room of this code, at the relay " + n.Relay + ", is this side's now"
	case reach.NewsPath:
		if reach.IsDirect(n.Path) {
			return "the link goes directly now" + strings.TrimPrefix(n.Path, "direct")
		}
		return "the link goes by " + n.Path
	}
	return ""
}

// newsCause is why there is no connection, without the relay that is named beside it.
func newsCause(n reach.News) string {
	if no := (*relayed.Error)(nil); n.Relay != "" && errors.As(n.Err, &no) {
		return dialCause(no.Err)
	}
	return dialCause(n.Err)
}

// lookedAt says where the other side is looked for.
func lookedAt(n reach.News) string {
	var parts []string
	if len(n.Interfaces) > 0 {
		parts = append(parts, "on "+strings.Join(n.Interfaces, ", "))
	}
	if n.Relay != "" {
		parts = append(parts, "at the relay "+n.Relay)
	}
	if len(parts) == 0 {
		return "on no network: this machine is on none"
	}
	return strings.Join(parts, ", and ")
}

// jsonMeets is one of them for programs.
type jsonMeets struct {
	Type       string   `json:"type"` // looking, found, passed, relay, path, taken, held
	Address    string   `json:"address,omitempty"`
	Interfaces []string `json:"interfaces,omitempty"`
	Relay      string   `json:"relay,omitempty"`
	Path       string   `json:"path,omitempty"`
	Message    string   `json:"message,omitempty"`
}

func meetsObject(n reach.News) any {
	v := jsonMeets{Address: n.At, Interfaces: n.Interfaces, Relay: n.Relay, Path: plain(n.Path)}
	switch n.Kind {
	case reach.NewsLooking:
		v.Type = "looking"
	case reach.NewsFound:
		v.Type = "found"
	case reach.NewsRefused:
		v.Type = "passed"
	case reach.NewsRelay:
		v.Type = "relay"
	case reach.NewsPath:
		v.Type = "path"
	case reach.NewsTaken:
		v.Type = "taken"
	case reach.NewsHeld:
		v.Type = "held"
	default:
		return nil
	}
	if n.Err != nil {
		v.Message = tell(newsCause(n))
	}
	return v
}
