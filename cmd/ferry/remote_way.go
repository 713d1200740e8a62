package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/ssh"
)

// way is the near end's way to the far end, by ssh:
//
//  1. open runs ssh, waits for the ready line, and gives the order. A person may be asked
//     for a password meanwhile.
//  2. connect gives the link that connection, once.
//  3. When the link is lost, connect runs ssh again and asks for the process that has the
//     delivery. If it is gone, the order is given anew, and the link ends with
//     link.ErrBegunAnew: the delivery begins again and finds what is there.
//
// One goroutine at a time calls open, connect and close.
type way struct {
	reaching
	env   *Env
	order order
	told  func(line string) // what ssh says
	live  bool              // a person sees it at once
	asks  *pusher

	pipe  *ssh.Pipe // the newest, nil before the first
	idle  bool      // it was given an order, and no link has it yet
	ready ssh.Ready
	hosts []netip.Addr // the host's addresses as this side knows them
}

// newWay makes the order's secrets: the code of the link, and a name for the delivery.
func newWay(r reaching, env *Env, o order, told func(string)) (*way, link.Code, error) {
	w := &way{reaching: r, env: env, order: o, told: told}
	var secret [16]byte
	var name [8]byte
	_, _ = rand.Read(secret[:]) // which never fails
	_, _ = rand.Read(name[:])
	w.order.Code, w.order.Session = "ssh-"+hex.EncodeToString(secret[:]), hex.EncodeToString(name[:])
	code, err := link.ParseCode(w.order.Code)
	w.call.Said = told
	return w, code, err
}

// open runs ssh for the first time.
func (w *way) open(ctx context.Context) (reply, error) {
	settings := w.call.SettingsOf(ctx)
	w.call.Ciphers = settings.QuickCiphers()
	if !w.stays && !settings.Proxied && settings.Hostname != "" {
		// A failure costs no more than a path beside ssh.
		w.hosts, _ = net.DefaultResolver.LookupNetIP(ctx, "ip", settings.Hostname)
	}
	w.call.Batch = !w.env.interactive() && w.env.Getenv("SSH_ASKPASS") == ""
	pipe, err := w.start(ctx)
	if err != nil {
		return reply{}, w.explain(err)
	}
	return w.give(ctx, pipe)
}

// start runs ssh up to the ready line, and brings ferry there if it is missing. ssh lives
// longer than ctx: a goodbye goes over it.
func (w *way) start(ctx context.Context) (*ssh.Pipe, error) {
	pipe, ready, err := w.call.Open(ctx)
	var failed *ssh.Error
	if errors.As(err, &failed) && failed.Absent() && !w.own && w.asks != nil {
		var command string
		if command, err = w.asks.bring(ctx, w.call, failed); err == nil {
			w.call.Command = command
			pipe, ready, err = w.call.Open(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	w.ready = ready
	return pipe, nil
}

// give gives the order, and reads the answer.
func (w *way) give(ctx context.Context, pipe *ssh.Pipe) (reply, error) {
	a, err := ask(ctx, pipe, w.order)
	if err == nil && a.Refused != nil {
		err = w.refused(a.Refused)
	}
	if err != nil {
		pipe.End()
		return a, err
	}
	if at := serverOf(w.ready.Connection); at.IsValid() && !slices.Contains(w.hosts, at) {
		w.hosts = append(w.hosts, at)
	}
	w.pipe, w.idle = pipe, true
	return a, nil
}

// serverOf is the address that a client of sshd called, and clientOf whence it called, by
// SSH_CONNECTION.
func serverOf(connection string) netip.Addr { return addressIn(connection, 2) }

func clientOf(connection string) netip.Addr { return addressIn(connection, 0) }

func addressIn(connection string, at int) netip.Addr {
	fields := strings.Fields(connection)
	if len(fields) != 4 {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(fields[at]) // the zero Addr with an error
	return ip.Unmap()
}

// ask sends an order and reads what is answered.
func ask(ctx context.Context, pipe *ssh.Pipe, o order) (a reply, err error) {
	stop := context.AfterFunc(ctx, func() { _ = pipe.Conn.Close() })
	defer stop()
	// It is a socket: setting a deadline fails only if it is closed, as reading does then.
	_ = pipe.SetDeadline(time.Now().Add(replyLimit))
	if err = putLine(pipe, o); err == nil {
		err = takeReply(pipe, &a)
	}
	_ = pipe.SetDeadline(time.Time{})
	var usage *usageError
	switch {
	case err == nil || errors.As(err, &usage):
		return a, err
	case ctx.Err() != nil:
		return a, context.Cause(ctx)
	}
	text := "ferry there ended before it answered"
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		text = "what answers there is no ferry, or a broken one"
	}
	if lines := pipe.Said(); len(lines) > 0 {
		text += ": " + lines[len(lines)-1]
	}
	return a, &exitError{exit: exitConnection, err: fmt.Errorf("%s: %w", text, err)}
}

// refused is the error for an order that the far end cannot follow.
func (w *way) refused(r *refusal) error {
	if r.Exit == exitUsage && strings.HasPrefix(r.Message, "unknown flag") {
		return &exitError{exit: exitProtocol, word: "version", err: fmt.Errorf("ferry at %s is older (%s) and has not all that was asked for: %w", w.call.Host, w.ready.Version, r),
			hint: "bring it up to date there, or leave that flag out"}
	}
	return r.settled(w.call.Host)
}

var errOneStream = errors.New("ssh has one stream")

// connect makes the connections of the link.
func (w *way) connect(ctx context.Context, want link.Want) (net.Conn, error) {
	switch {
	case want.Purpose == framing.PurposeStream:
		return nil, errOneStream
	case w.idle:
		w.idle = false
		return w.pipe, nil
	}
	w.pipe.End()
	again := w.call
	again.Batch = true
	pipe, ready, err := again.Open(ctx)
	if err != nil {
		return nil, err
	}
	if want.Purpose == framing.PurposeRejoin {
		a, err := ask(ctx, pipe, order{Session: w.order.Session, Attach: true})
		if err != nil {
			pipe.End()
			return nil, err
		}
		if w.pipe = pipe; a.Attached {
			return pipe, nil
		}
	}
	w.ready = ready
	if _, err := w.give(ctx, pipe); err != nil {
		return nil, err
	}
	if want.Purpose == framing.PurposeRejoin {
		return nil, link.ErrBegunAnew
	}
	w.idle = false
	return pipe, nil
}

// close leaves ssh, which ends with the far end.
func (w *way) close() {
	if w.pipe != nil {
		w.pipe.Leave()
	}
	w.asks.remove(w.call)
}

// explain is the error of a person who has no connection.
func (w *way) explain(err error) error {
	var failed *ssh.Error
	if !errors.As(err, &failed) {
		return err
	}
	e := &exitError{exit: exitConnection, err: fmt.Errorf("%s: %w", failed.Host, err), word: "no-connection", hint: "to try again: " + command(w.env.Args...)}
	switch {
	case failed.Absent() && w.own:
		e.err = fmt.Errorf("no ferry answers at %s: what --%s runs there said nothing of it%s", failed.Host, commandFlag, said(failed))
	case failed.Absent():
		e.err = fmt.Errorf("no ferry answers at %s%s", failed.Host, said(failed))
		e.hint = "--push always brings it there; or install it there" + installLine(failed.Host)
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		e.hint = "install the client of OpenSSH, or name another program with --" + sshFlag
	case w.live && failed.Err == nil && len(failed.Lines) > 0: // what is above says why
		e.err = fmt.Errorf("ssh did not connect to %s", failed.Host)
	case failed.Banner != "":
		e.err = fmt.Errorf("%w; %s printed: %s", err, failed.Host, cutMiddle(plain(failed.Banner), maxShown))
	}
	return e
}

// said is the last that came from there, for people.
func said(e *ssh.Error) string {
	if len(e.Lines) == 0 {
		return ""
	}
	return " (" + e.Lines[len(e.Lines)-1] + ")"
}

// installLine ends a hint with a command that installs this ferry at a host of the same
// system.
func installLine(host string) string {
	return ", as with:\n    " + command("scp", programPath(), farPlace{host, "/usr/local/bin/"}.String())
}
