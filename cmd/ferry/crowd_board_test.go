package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
)

// boardOf has so many receivers, each at half of what there is.
func boardOf(receivers int, host string) *board {
	b := &board{rows: make(map[int]*boardRow)}
	for i := range receivers {
		r := &boardRow{number: i + 1, host: host}
		b.put(r, receiversArgs{all: true, most: receivers})
		r.Observe(transfer.PhaseChanged{Phase: transfer.PhaseTransfer})
		r.Observe(transfer.Progress{Bytes: 50, Total: 100, Exact: true, Moved: 50})
	}
	return b
}

// On a screen each receiver is told of as long as there is room. Addresses go first.
func TestReceiversOnOneLine(t *testing.T) {
	now := time.Now()
	v := view{now: now, hasRate: true, rate: 86.5 * (1 << 20)}
	for _, c := range []struct {
		receivers, room int
		host, want      string
	}{
		{3, 0, "192.168.178.20", "0 of 3 done, 1 (192.168.178.20) 50%, 2 (192.168.178.20) 50%, 3 (192.168.178.20) 50%, 86.5 MiB/s"},
		{3, 80, "10.0.0.1", "0 of 3 done, 1 (10.0.0.1) 50%, 2 (10.0.0.1) 50%, 3 (10.0.0.1) 50%, 86.5 MiB/s"},
		{3, 80, "192.168.178.20", "0 of 3 done, 1 50%, 2 50%, 3 50%, 86.5 MiB/s"},
		{64, 80, "10.0.0.1", "0 of 64 done, 1 50%, 2 50%, 3 50%, 4 50%, 5 50%, 6 50%, and 58 more, 86.5 MiB/s"},
		{3, 20, "10.0.0.1", ""},
	} {
		got := boardOf(c.receivers, c.host).line(v, c.room)
		if c.want != "" && got != c.want && got != isolate(c.want) || c.room > 0 && columns(got) > c.room {
			t.Errorf("%d receivers in %d columns: %q, want %q", c.receivers, c.room, got, c.want)
		}
	}
}

// What is told of a link names the receiver, whose address others may have too.
func TestLinkOfAReceiver(t *testing.T) {
	b := boardOf(3, "10.0.0.1")
	links := make([]*link.Link, 3)
	for i := range links {
		links[i] = new(link.Link)
		b.rows[i+1].linked(links[i])
	}
	for i, l := range links {
		if n, name := b.whose(l); n != i+1 || name != fmt.Sprintf("receiver %d (10.0.0.1)", i+1) {
			t.Errorf("the link of receiver %d is that of %d, %q", i+1, n, name)
		}
	}
	for _, l := range []*link.Link{nil, new(link.Link)} {
		if n, _ := b.whose(l); n != 0 {
			t.Errorf("a link of nobody is that of receiver %d", n)
		}
	}
	if !b.put(&boardRow{number: 2, host: "10.0.0.1"}, receiversArgs{}) || b.put(&boardRow{number: 4, host: "10.0.0.1"}, receiversArgs{}) {
		t.Error("who comes again is not known, or who is new is")
	}
	v, _ := linkObject(link.Event{Kind: link.EventLost, Addr: "10.0.0.1:5", Window: time.Minute})
	v.Receiver = 3
	if got := string(jsonLine(v)); !strings.HasPrefix(got, `{"type":"lost","receiver":3,"address":"10.0.0.1:5"`) {
		t.Errorf("programs get %s", got)
	}
}
