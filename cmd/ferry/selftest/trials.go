package selftest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// trial is one thing that is tried.
type trial struct {
	name   string
	folder string // of its own, in that of the run
	// play returns what was counted, for people.
	play func(*bench, context.Context) (string, error)
}

func trials() []trial {
	return []trial{
		{"a folder and a large file", "delivery", delivered},
		{"a link that is cut", "cut", cutAgain},
		{"a receiver that is killed", "killed", killedAgain},
		{"a wrong code", "code", wrongCode},
		{"the code alone, at a relay", "meeting", byCodeAlone},
		{"a disk that takes no more", "refusal", refused},
	}
}

// bench is where one trial is played. Only the goroutine of the trial uses it.
type bench struct {
	*Config
	dir       string
	source    *source
	started   int // processes
	processes []*process
	relay     *relay
}

// try plays t in a folder that it makes.
func (b *bench) try(ctx context.Context, t trial) (string, error) {
	if t.folder != "" {
		if err := os.Mkdir(b.dir, 0o755); err != nil {
			return "", err
		}
	}
	return t.play(b, ctx)
}

// close ends what the trial started. No process is left after it.
func (b *bench) close() {
	for _, p := range b.processes {
		p.kill()
	}
	if b.relay != nil {
		b.relay.close()
	}
}

// compare compares what arrived with the named items of the sources.
func (b *bench) compare(ctx context.Context, names ...string) (arrived, error) {
	return b.source.compare(ctx, b.out(), b.losses(), names...)
}

func (b *bench) out() string { return filepath.Join(b.dir, "out") }

// newCode makes a code that nobody guesses.
func newCode() string { return "7-" + strings.ToLower(rand.Text()) }

// mending is how long a lost link is waited for, in the form of a flag.
const mending = "60s"

// receive starts a receiver that listens, and returns where.
func (b *bench) receive(ctx context.Context, code string, before []string) (*process, string, error) {
	p, err := b.start("receiver", code, before, "receive", "--yes", "--out", b.out(), "--listen", loopback(), "--retry-for", mending, "--perms", "--hard-links")
	if err != nil {
		return nil, "", err
	}
	address, err := p.address(ctx)
	return p, address, err
}

// send starts a sender of the named sources.
func (b *bench) send(address, code string, flags []string, names ...string) (*process, error) {
	args := append([]string{"send", "--to", address, "--retry-for", mending, "--wait", mending, "--hard-links"}, flags...)
	for _, name := range names {
		args = append(args, filepath.Join(b.source.dir, name))
	}
	return b.start("sender", code, nil, args...)
}

// delivered: everything arrives.
func delivered(b *bench, ctx context.Context) (string, error) {
	code := newCode()
	recv, address, err := b.receive(ctx, code, nil)
	if err != nil {
		return "", err
	}
	send, err := b.send(address, code, nil, treeName, largeName)
	if err != nil {
		return "", err
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	a, err := b.compare(ctx, treeName, largeName)
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%d items, %s", a.items, b.SizeText(a.bytes))
	if r := recv.result(); !r.Durable {
		detail += "; not durable: " + r.Unsynced
	}
	if a.lost > 0 {
		detail += fmt.Sprintf("; %d without what this file system cannot keep, as told", a.lost)
	}
	return detail, nil
}

// streams is how many connections a delivery through the relay has.
const streams = 2

// overhead is more than what handshakes, frames and records add to so many bytes.
func overhead(size int64, links int) int64 { return size/50 + int64(links)*64<<10 }

// cutAgain: the link is lost every 3 MiB. Both sides go on, and of each connection at most
// one chunk crosses twice.
func cutAgain(b *bench, ctx context.Context) (string, error) {
	const every = 3 * mib
	var stops []int64
	for at := int64(every); at < mediumSize; at += every {
		stops = append(stops, at)
	}
	send, recv, err := b.relayed(ctx, newCode(), stops, mediumName)
	if err != nil {
		return "", err
	}
	cuts := 0
	for over := false; !over; {
		select {
		case <-b.relay.reached:
			b.relay.cut()
			b.relay.goOn()
			cuts++
		case <-send.ended:
			over = true
		case <-recv.ended:
			over = true
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	if _, err := b.compare(ctx, mediumName); err != nil {
		return "", err
	}
	if cuts < len(stops) {
		return "", fmt.Errorf("only %d of %d MiB passed the relay", b.relay.count()/mib, mediumSize/mib)
	}
	twice := b.relay.count() - mediumSize
	if most := int64(cuts*streams)*chunk + overhead(mediumSize, cuts*streams); twice > most {
		return "", fmt.Errorf("cut %d times, and %d bytes crossed twice: %d are a chunk for each connection", cuts, twice, most)
	}
	return fmt.Sprintf("%d times, %s sent for %s", cuts, b.SizeText(b.relay.count()), b.SizeText(mediumSize)), nil
}

// relayed starts a delivery through a relay.
func (b *bench) relayed(ctx context.Context, code string, stops []int64, names ...string) (send, recv *process, err error) {
	recv, address, err := b.receive(ctx, code, nil)
	if err != nil {
		return nil, nil, err
	}
	if b.relay, err = newRelay(address, stops...); err != nil {
		return nil, nil, err
	}
	send, err = b.send(b.relay.address(), code, []string{"--streams", strconv.Itoa(streams), "--compress", "never"}, names...)
	return send, recv, err
}

// killedAgain: the receiver is killed and started again, at another address, twice. What
// it had said is settled does not cross again, and a file that was finished stays the same
// file.
func killedAgain(b *bench, ctx context.Context) (string, error) {
	code := newCode()
	stops := []int64{10 * mib, 20 * mib}
	send, recv, err := b.relayed(ctx, code, stops, mediumName)
	if err != nil {
		return "", err
	}
	var kept, passed int64
	for range stops {
		select {
		case <-b.relay.reached:
		case <-send.ended:
			return "", fmt.Errorf("the sender ended early with %w", send.outcome())
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if kept, err = b.settled(ctx, recv, kept, b.relay.count()-passed); err != nil {
			return "", err
		}
		recv.kill()
		passed = b.relay.count()
		b.relay.lead("")
		b.relay.cut()
		b.relay.goOn()
		var address string
		if recv, address, err = b.receive(ctx, code, nil); err != nil {
			return "", err
		}
		b.relay.lead(address)
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	if _, err := b.compare(ctx, mediumName); err != nil {
		return "", err
	}
	rest := b.relay.count() - passed
	if most := mediumSize - kept + overhead(mediumSize, streams); rest > most {
		return "", fmt.Errorf("%d bytes were settled when the receiver was killed, and %d of %d were sent after that", kept, rest, int64(mediumSize))
	}
	return fmt.Sprintf("%d times, %s of %s kept", len(stops), b.SizeText(kept), b.SizeText(mediumSize)), nil
}

// settled waits until the receiver has settled what was settled before and a half of what
// came since, and returns how much that is. Nothing comes meanwhile.
func (b *bench) settled(ctx context.Context, recv *process, before, came int64) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.Patience, fmt.Errorf("when it was killed the receiver had settled %d bytes, and %d came since: after %v it has not settled that", before, came, b.Patience))
	defer cancel()
	t, err := recv.says(ctx, "having settled what came", func(t told) bool { return t.Type == "progress" && t.Bytes+t.Kept >= before+came/2 })
	return t.Bytes + t.Kept, err
}

// wrongCode: who guesses is turned away, gets nothing and leaves nothing, as a sender and
// as a receiver. Then the right one is let in.
func wrongCode(b *bench, ctx context.Context) (string, error) {
	code := newCode()
	recv, address, err := b.receive(ctx, code, nil)
	if err != nil {
		return "", err
	}
	guess, err := b.send(address, newCode(), nil, treeName)
	if err != nil {
		return "", err
	}
	if err := errors.Join(guess.ends(ctx, exitRefused), nothingIn(b.out())); err != nil {
		return "", err
	}
	send, err := b.send(address, code, nil, treeName)
	if err != nil {
		return "", err
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	if _, err := b.compare(ctx, treeName); err != nil {
		return "", err
	}
	return "exit code 4, nothing given away or written", b.wrongReceiver(ctx)
}

// wrongReceiver guesses the code of a sender that listens.
func (b *bench) wrongReceiver(ctx context.Context) error {
	offer, err := b.start("offering sender", newCode(), nil, "send", "--listen", loopback(), filepath.Join(b.source.dir, treeName))
	if err != nil {
		return err
	}
	address, err := offer.address(ctx)
	if err != nil {
		return err
	}
	out := filepath.Join(b.dir, "guessed")
	guess, err := b.start("guessing receiver", newCode(), nil, "receive", "--yes", "--out", out, "--from", address)
	if err != nil {
		return err
	}
	return errors.Join(guess.ends(ctx, exitRefused), nothingIn(out))
}

// nothingIn is an error if anything is in a folder, which need not exist.
func nothingIn(dir string) error {
	left, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(left) > 0:
		return fmt.Errorf("after a wrong code %q has %q in it", dir, left[0].Name())
	}
	return nil
}

// fileLimit is how large a file may be there: more than any of the tree, less than the
// medium one. A shell may make half of it.
const fileLimit = 16 * mib

// refused: a file larger than the disk takes is told by both sides, and all else arrives.
// Without the limit the same commands deliver the rest.
func refused(b *bench, ctx context.Context) (string, error) {
	limited, err := limiter(fileLimit)
	if err != nil {
		return "", err
	}
	code := newCode()
	recv, address, err := b.receive(ctx, code, limited)
	if err != nil {
		return "", err
	}
	send, err := b.send(address, code, nil, treeName, mediumName)
	if err != nil {
		return "", err
	}
	if err := b.both(ctx, recv, send, exitIncomplete); err != nil {
		return "", err
	}
	for _, p := range []*process{recv, send} {
		if !p.named(mediumName) {
			return "", fmt.Errorf("the %s does not say that %q is not delivered", p.name, mediumName)
		}
	}
	if _, err := b.compare(ctx, treeName); err != nil {
		return "", err
	}
	if recv, address, err = b.receive(ctx, code, nil); err != nil {
		return "", err
	}
	if send, err = b.send(address, code, nil, treeName, mediumName); err != nil {
		return "", err
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	_, err = b.compare(ctx, treeName, mediumName)
	return "exit code 1, then delivered", err
}

// named reports whether it said that an item was not delivered.
func (p *process) named(item string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.told, func(t told) bool { return t.Type == "failed" && filepath.Base(t.Path) == item })
}

// sourcesStay: nothing of what was sent has changed.
func sourcesStay(b *bench, ctx context.Context) (string, error) {
	return "unchanged, and nothing is left behind", b.source.unchanged(ctx)
}
