//go:build faults && linux

package networks

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// endRounds end or cut deliveries that met by a code alone, at a relay or on one LAN: the
// promises are those of the family kill of package faults. Nothing is lost, nothing is sent
// twice that was kept, exit codes are true, and the next run goes on.
func endRounds(f *family) {
	for where, on := range map[string]func(*round) *broken{"relay": brokenAtRelay, "lan": brokenOnLAN} {
		for i, victim := range []string{"sender", "receiver"} {
			f.play(fmt.Sprintf("%s-%s-killed", where, victim), func(r *round) { on(r).ends(i, syscall.SIGKILL, -1) })
			f.play(fmt.Sprintf("%s-%s-interrupted", where, victim), func(r *round) { on(r).ends(i, syscall.SIGINT, 130) })
			f.play(fmt.Sprintf("%s-%s-terminated", where, victim), func(r *round) { on(r).ends(i, syscall.SIGTERM, 143) })
			f.play(fmt.Sprintf("%s-%s-halted", where, victim), func(r *round) { on(r).halts(i) })
		}
		f.play(where+"-cut", func(r *round) { on(r).cut() })
		f.play(where+"-cut-for-good", func(r *round) { on(r).cutForGood() })
	}
	f.play("relay-gone-for-good", relayGone)
	moveRounds(f)
}

// broken is a delivery of a file that replaces an older one, with something that breaks.
type broken struct {
	r           *round
	send, recv  func(args ...string) *process // starts one
	far         *machine                      // the receiver's, to be cut off
	source, out string
	old         []byte
	size        int64
}

const (
	brokenMiB = 48
	// brokenRate has half of it under way when half says so.
	brokenRate = "8M"
	// notKept is what an interruption may cost, beside what was not there yet.
	notKept = 16 << 20
	// cutFor is longer than the sides take a silence for nothing.
	cutFor = 8 * time.Second
)

func brokenAtRelay(r *round) *broken {
	b, _ := brokenMeeting(r)
	return b
}

func brokenMeeting(r *round) (*broken, *meeting) {
	r.Helper()
	m := r.meeting(behindRandom, relayV4, brokenMiB)
	b := &broken{r: r, far: m.ha, send: m.send, recv: m.receive, source: m.source, out: m.out, size: m.size}
	b.plant()
	return b, m
}

func brokenOnLAN(r *round) *broken {
	r.Helper()
	b, _ := brokenOn(r, r.lan(false))
	return b
}

// brokenOn also returns the machines of the sender and of the receiver.
func brokenOn(r *round, n *lans) (*broken, [2]*machine) {
	r.Helper()
	content := make([]byte, brokenMiB<<20)
	_, _ = rand.Read(content)
	b := &broken{r: r, far: n.d, source: r.file("photo", content), out: filepath.Join(r.folder("out"), "photo"), size: int64(len(content))}
	env := []string{"FERRY_CODE=" + code}
	b.send = func(args ...string) *process {
		return call{on: n.b, env: env}.ferry(append([]string{"send", b.source, "--json"}, args...)...)
	}
	b.recv = func(args ...string) *process {
		return call{on: n.d, env: env}.ferry(append([]string{"receive", "--yes", "--out", filepath.Dir(b.out), "--json"}, args...)...)
	}
	b.plant()
	return b, [2]*machine{n.b, n.d}
}

// plant puts the older file at its place.
func (b *broken) plant() {
	b.r.Helper()
	b.old = []byte("an older photo")
	must(b.r, os.WriteFile(b.out, b.old, 0o644))
}

// start starts both and waits until half of the file is sent. retry is for how long a lost
// link is mended.
func (b *broken) start(retry string, flags ...string) (sides [2]*process) {
	b.r.Helper()
	flags = append(flags, "--retry-for", retry)
	sides[0] = b.send(append([]string{"--bwlimit", brokenRate}, flags...)...)
	sides[1] = b.recv(append([]string{"--on-conflict", "overwrite"}, flags...)...)
	if _, ok := sides[0].says(`"started"`); !ok {
		b.r.Fatalf("nothing was sent: %+v", sides[0].wait())
	}
	<-time.After(brokenMiB / 16 * time.Second) // at brokenRate
	return sides
}

// ends has one side end in the middle, by a signal, and both run again.
func (b *broken) ends(victim int, sig syscall.Signal, exit int) {
	b.r.Helper()
	sides := b.start("0s")
	sides[victim].signal(sig)
	want := [2]int{3, 3}
	want[victim] = exit
	b.ended(sides, want)
	b.goesOn()
}

// ended checks the exit codes after a failure, that each side says so, and that the old or
// the new file stands whole.
func (b *broken) ended(sides [2]*process, want [2]int) {
	b.r.Helper()
	for i, p := range sides {
		e := p.wait()
		if e.exit != want[i] {
			b.r.Errorf("exit %d, want %d: %v\n%s%s", e.exit, want[i], p.cmd.Args, e.stdout, e.stderr)
		}
		if last := e.result(); last.OK || e.exit == 3 && (last.Exit != 3 || last.Error.Message == "" || last.Error.Hint == "") {
			b.r.Errorf("it ended with %d and says %+v", e.exit, last)
		}
	}
	if got, err := os.ReadFile(b.out); err != nil || !bytes.Equal(got, b.old) {
		b.r.Errorf("the old file does not stand whole: %d bytes, %v", len(got), err)
	}
}

// goesOn runs both without a fault: what the first run kept does not come again.
func (b *broken) goesOn() {
	b.r.Helper()
	have := b.have()
	if have < 4<<20 {
		b.r.Errorf("only %d bytes were kept", have)
	}
	sides := [2]*process{b.send(), b.recv("--on-conflict", "overwrite")}
	b.r.Cleanup(func() {
		if b.r.Failed() {
			for _, p := range sides {
				b.r.Logf("%v\n%s", p.cmd.Args, p.said())
			}
		}
	})
	s := b.whole(sides)
	if most := b.size - have + notKept; s.result().Moved > most {
		b.r.Errorf("%d bytes were there of %d, and %d were moved", have, b.size, s.result().Moved)
	}
}

// whole checks that both end with 0, and the file byte by byte.
func (b *broken) whole(sides [2]*process) (sender ending) {
	b.r.Helper()
	arrived(b.r, sides[0], sides[1], b.out, b.size)
	want, err := os.ReadFile(b.source)
	must(b.r, err)
	if got, err := os.ReadFile(b.out); err != nil || !bytes.Equal(got, want) {
		b.r.Errorf("other bytes arrived: %v", err)
	}
	if b.have() != 0 {
		b.r.Errorf("%d bytes of partials are left", b.have())
	}
	return sides[0].wait()
}

// have counts the bytes that partials have on the receiver's disk.
func (b *broken) have() (n int64) {
	b.r.Helper()
	err := filepath.WalkDir(filepath.Dir(b.out), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".part") {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	must(b.r, err)
	return n
}

// halts stops one side for a while, as a laptop that sleeps: nobody takes it for dead that
// soon, or the link is joined again.
func (b *broken) halts(victim int) {
	b.r.Helper()
	sides := b.start("60s")
	sides[victim].signal(syscall.SIGSTOP)
	<-time.After(cutFor)
	sides[victim].signal(syscall.SIGCONT)
	b.notTwice(b.whole(sides))
}

// cut has nothing pass for a while.
func (b *broken) cut() {
	b.r.Helper()
	sides := b.start("60s")
	b.sever()
	<-time.After(cutFor)
	b.mend()
	b.notTwice(b.whole(sides))
}

// cutForGood has nothing pass any more: both sides end by themselves.
func (b *broken) cutForGood() {
	b.r.Helper()
	sides := b.start("5s")
	b.sever()
	b.ended(sides, [2]int{3, 3})
	b.mend()
	b.goesOn()
}

// sever drops what the receiver's machine hears from others, until mend is called.
func (b *broken) sever() {
	b.far.nft("table inet severed {\nchain input {\ntype filter hook input priority 0; policy accept;\niifname != \"lo\" drop\n}\n}\n")
}

func (b *broken) mend() { b.far.nft("delete table inet severed\n") }

// notTwice bounds what was sent again after one loss.
func (b *broken) notTwice(sender ending) {
	b.r.Helper()
	if res := sender.result(); res.Resent > 8<<20 || res.Moved != b.size {
		b.r.Errorf("%d bytes were moved of %d, and %d were sent again", res.Moved, b.size, res.Resent)
	}
}

// relayGone: no relay comes back in the time that a lost link is mended; with another one,
// the next run goes on.
func relayGone(r *round) {
	b, m := brokenMeeting(r)
	sides := b.start("5s")
	m.relay.kill()
	<-m.relay.ended
	b.ended(sides, [2]int{3, 3})
	m.serve()
	b.goesOn()
}
