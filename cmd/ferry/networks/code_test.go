//go:build faults && linux

package networks

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// codeRounds are about deliveries for which only the code is given, on one LAN. Bounds on
// time are far above what is measured: other rounds run beside.
func codeRounds(f *family) {
	for _, snooping := range []bool{false, true} {
		f.play(fmt.Sprintf("both_families_snooping_%v", snooping), func(r *round) {
			n := r.lan(snooping)
			found(r, n.b, n.d)
			found(r, n.a, n.c)
			found(r, n.b, n.a)
		})
	}
	for _, family := range []int{4, 6} {
		f.play(fmt.Sprintf("without_IPv%d", family), func(r *round) {
			n := r.lan(false)
			n.b.without(family)
			n.d.without(family)
			found(r, n.b, n.d)
		})
	}
	f.play("sender_first", func(r *round) { n := r.lan(false); longBefore(r, n.b, n.d, true) })
	f.play("receiver_first", func(r *round) { n := r.lan(false); longBefore(r, n.b, n.d, false) })
	f.play("firewalls_let_questions_in", func(r *round) {
		n := r.lan(false)
		n.b.nft(mdnsFirewall)
		n.d.nft(mdnsFirewall)
		p := r.pairOf(24*photoSize, n.b, n.d, code, "--streams", "4", "--bwlimit", "4M")
		send, recv := p.send(), p.recv()
		met(r, send, recv, p)
		for _, q := range []*process{send, recv} {
			if e := q.wait().result(); e.Path != "direct, both firewalls closed" || e.Streams != 4 {
				r.Errorf("%d streams, path %q", e.Streams, e.Path)
			}
		}
	})
	f.play("firewalls_let_nothing_in", shutOut)
	f.play("three_pairs", threePairs)
	f.play("what_is_seen", whatFerryShows)
	tunnelRounds(f)
	changeRounds(f)
}

const photoSize = 1 << 20

// pair is a delivery for which both have the code only.
type pair struct {
	send, recv func() *process
	out        string // the file, when it is there
	size       int64
}

func (r *round) pair(from, to *machine, secret string, flags ...string) *pair {
	r.Helper()
	return r.pairOf(photoSize, from, to, secret, flags...)
}

// pairOf is pair with a file of that size.
func (r *round) pairOf(size int64, from, to *machine, secret string, flags ...string) *pair {
	r.Helper()
	name := fmt.Sprint("photo", r.c.serial.Add(1))
	content := make([]byte, size)
	_, _ = rand.Read(content)
	source := r.file(name, content)
	out := r.folder("out-" + name)
	env := []string{"FERRY_CODE=" + secret}
	return &pair{
		send: func() *process {
			return call{on: from, env: env}.ferry(append([]string{"send", source, "--json"}, flags...)...)
		},
		recv: func() *process {
			return call{on: to, env: env}.ferry(append([]string{"receive", "--yes", "--out", out, "--json"}, flags...)...)
		},
		out: filepath.Join(out, name), size: size,
	}
}

// found delivers from one machine to another, and notes how long that took.
func found(r *round, from, to *machine) {
	r.Helper()
	p := r.pair(from, to, code)
	send := p.send()
	recv := p.recv()
	met(r, send, recv, p)
}

// met checks that both ended well, in time and directly.
func met(r *round, send, recv *process, p *pair) {
	r.Helper()
	arrived(r, send, recv, p.out, p.size)
	s := send.wait()
	if !strings.HasPrefix(s.result().Path, "direct") {
		r.Errorf("the path is %q", s.result().Path)
	}
	for _, q := range []*process{send, recv} {
		if l, ok := q.says(`"connected"`); ok {
			r.note("%s: connected %v after its start", q.cmd.Args[5], l.at.Round(time.Millisecond))
		}
	}
}

// longBefore: one side waits for 20 s before the other is there.
func longBefore(r *round, from, to *machine, senderFirst bool) {
	p := r.pair(from, to, code)
	var send, recv *process
	if senderFirst {
		send = p.send()
		<-time.After(20 * time.Second)
		recv = p.recv()
	} else {
		recv = p.recv()
		<-time.After(20 * time.Second)
		send = p.send()
	}
	met(r, send, recv, p)
}

// shutOut: nothing arrives anywhere.
func shutOut(r *round) {
	n := r.lan(false)
	n.b.nft(firewall)
	n.d.nft(firewall)
	nobody(r, n.b, n.d)
}

// nobody checks that two do not meet, and that the text names the command with an address.
func nobody(r *round, from, to *machine) {
	r.Helper()
	p := r.pair(from, to, code, "--wait", "8s")
	send, recv := p.send(), p.recv()
	text := ""
	for _, e := range []ending{send.wait(), recv.wait()} {
		if e.exit != 3 || e.result().Error.Message == "" {
			r.Errorf("exit %d, not 3: %s%s", e.exit, e.stdout, e.stderr)
		}
		text += e.stdout + e.stderr
	}
	if !strings.Contains(text, "--to") && !strings.Contains(text, "--from") {
		r.Errorf("no command with an address is named: %s", text)
	}
}

// threePairs at once, of which two have the same room: each gets its own.
func threePairs(r *round) {
	n := r.lan(false)
	secrets := []string{"7-alpha-bravo-charlie", "7-delta-echo-foxtrot", "8-golf-hotel-india"}
	var pairs []*pair
	var sends, recvs []*process
	for _, secret := range secrets {
		p := r.pair(n.b, n.d, secret)
		pairs, sends = append(pairs, p), append(sends, p.send())
	}
	for _, p := range pairs {
		recvs = append(recvs, p.recv())
	}
	for i, p := range pairs {
		met(r, sends[i], recvs[i], p)
	}
}

// whatFerryShows: a third machine sees no packet before somebody searches, and no word of
// the code.
func whatFerryShows(r *round) {
	n := r.lan(false)
	seen := n.a.sniff("eth0")
	recv := call{on: n.d}.ferry("receive", "--yes", "--out", r.folder("waits"), "--json")
	if _, ok := recv.says(`"listening"`); !ok {
		r.Fatalf("it does not listen: %+v", recv.wait())
	}
	<-time.After(3 * time.Second)
	if got := questions(seen); len(got) != 0 {
		r.Errorf("%d packets of a side that made up the code", len(got))
	}
	recv.kill()
	secret := "parlour-alpha-bravo-charlie" // no word can be among hex digits
	p := r.pair(n.b, n.d, secret)
	send := p.send()
	<-time.After(10 * time.Second)
	got := questions(seen)
	if len(got) == 0 || len(got) > 3*6 {
		r.Errorf("%d packets of a search in 10 s", len(got))
	}
	r.note("%d packets of a search in 10 s", len(got))
	met(r, send, p.recv(), p)
	for _, frame := range seen.frames() {
		for word := range strings.SplitSeq(secret, "-") {
			if bytes.Contains(frame.raw, []byte(word)) {
				r.Errorf("%q is in a packet: %q", word, frame.raw)
			}
		}
	}
}
