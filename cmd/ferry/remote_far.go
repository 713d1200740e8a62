package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/reach/proxy"
	"ferry/transfer/reach/socket"
	"ferry/transfer/reach/ssh"
)

// The far end of a copy by ssh:
//
//  1. It says that it is there (ssh.Ready), and reads an order: one line.
//  2. An order to attach is passed on to the process that has the delivery. If there is
//     none, that is answered, and another order follows.
//  3. Its flags are read as those of copy. What is wrong with them, or with the places that
//     they name, is the answer.
//  4. Otherwise the link begins on the same connection, and the delivery is one like any
//     other (far_receive.go, far_send.go). The near end shows and decides everything.

// firstLink is how long the near end may take for the proof.
const firstLink = 30 * time.Second

func remoteCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name: "remote", Hidden: true, Usage: "the far end of ferry copy by ssh",
		Action: func(c *cli.Context) error { return serveRemote(c, env) },
	}
}

// serveRemote is the whole of a far end.
func serveRemote(c *cli.Context, env *Env) error {
	if env.StdinTTY || env.StdoutTTY || c.Args().Present() {
		return usagef("", "ferry remote is what ferry copy runs at a HOST by ssh, and nothing for a terminal")
	}
	// Paths are seen from the home, wherever a file of the login shell went.
	if home, err := os.UserHomeDir(); err == nil {
		_ = os.Chdir(home)
	}
	conn, err := ssh.Stdio()
	if err != nil {
		return err
	}
	ready := ssh.Ready{Version: buildVersion(), OS: runtime.GOOS, Arch: runtime.GOARCH, PID: os.Getpid(), Connection: env.Getenv("SSH_CONNECTION")}
	if _, err := conn.Write(ready.Line()); err != nil {
		return err
	}
	for {
		var o order
		err := takeOrder(conn, &o)
		if unread := (*unreadOrder)(nil); errors.As(err, &unread) {
			return putLine(conn, reply{Refused: &refusal{Exit: exitProtocol, Word: "version", Message: err.Error(), Hint: "have the same version of ferry at both ends"}})
		}
		if err != nil {
			return fmt.Errorf("reading the order: %w", err)
		}
		if !o.Attach {
			return (&farEnd{env: env, conn: conn, order: o}).run(c.Context)
		}
		other := attach(env, o.Session)
		if err := putLine(conn, reply{Attached: other != nil}); err != nil {
			return err
		}
		if other != nil {
			splice(conn, other)
			return nil
		}
	}
}

// farEnd is one delivery at the far end.
type farEnd struct {
	env   *Env
	conn  net.Conn
	order order
	began bool // the order was answered
}

// run reads the order as a command line of copy, and follows it.
func (f *farEnd) run(ctx context.Context) error {
	app := newApp(f.env)
	args := []string{"ferry", "copy"}
	for _, a := range f.order.Args {
		args = append(args, string(a))
	}
	follow := func(c *cli.Context, env *Env, chosen *selectionArgs) error {
		chosen.rules, chosen.listed = selectionOf(&f.order)
		if f.order.Sends {
			return f.send(c, chosen)
		}
		return f.receive(c, chosen)
	}
	for i, cmd := range app.Commands {
		if cmd.Name == "copy" {
			app.Commands[i] = copyCommand(f.env, follow)
			app.Commands[i].HideHelpCommand, app.Commands[i].OnUsageError = true, cmd.OnUsageError
		}
	}
	argv, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, argv)
	}
	if err != nil && !f.began {
		return putLine(f.conn, reply{Refused: refusalOf(ctx, err)})
	}
	return nil // the link told it
}

// farLink is the link of a far end, and all that it is made of.
type farLink struct {
	*link.Link
	listener *link.Listener
	waiting  waiting
	folder   string // of sockets; "" where none could be had
	signals  *signalWatch

	connection string // SSH_CONNECTION
	stays      bool   // there is no way but ssh
	inlet      *socket.Inlet
	at         net.Addr // where direct connections come in; nil if there is no port
}

// beside runs a delivery over the link while it climbs to a direct path, if there is one and
// it may.
func (l *farLink) beside(ctx context.Context, once func(context.Context, *link.Link) (transfer.Result, error)) error {
	defer l.bound(ctx)()
	if l.stays {
		_, err := once(ctx, l.Link)
		return err
	}
	o := reach.ClimbOptions{Slow: overSSH, Words: "ssh", Inlet: l.inlet, At: l.at}
	if from := clientOf(l.connection); from.IsValid() {
		o.Hosts = append(o.Hosts, from)
	}
	_, err := climbing(ctx, reach.NewClimb(o), l.Link, once)
	return err
}

// bound has this process end soon after its delivery was ended: by the near end, which said
// goodbye, or by ctx. No disk is waited for then that takes long over a write or a sync. What
// is there can be continued at any instant, and a near end that was interrupted is followed
// as soon as it promises. stop is called when all of the delivery has ended.
func (l *farLink) bound(ctx context.Context) (stop func() bool) {
	go func() { // it ends with the link, which the delivery closes
		<-l.Done()
		var left *transfer.Error
		if errors.As(l.Err(), &left) && left.Remote {
			l.signals.leave()
		}
	}()
	return context.AfterFunc(ctx, l.signals.leave)
}

// meet answers the order, and waits for the near end's proof. key names the place that
// items land in, "" where none do. The delivery of another session to that place, whose
// link is lost, gives way first. end ends this one.
func (f *farEnd) meet(ctx context.Context, c *cli.Context, role link.Role, caps uint64, a reply, key string, end context.CancelCauseFunc) (*farLink, error) {
	pair, err := lastingOf(c, role)
	if err != nil {
		return nil, err
	}
	code, err := link.ParseCode(f.order.Code)
	if err != nil {
		return nil, err
	}
	proxied, _ := proxy.Environment(f.env.Getenv) // nothing goes beside ssh then
	l := &farLink{signals: f.env.Signals, connection: f.env.Getenv("SSH_CONNECTION"), stays: f.order.Stays || proxied != ""}
	if key != "" {
		makeWay(f.env, key)
	}
	// Without a folder for a socket nobody finds this process.
	l.folder, _ = waitingFolder(f.env)
	inlet := socket.NewInlet(f.conn.LocalAddr())
	l.inlet = inlet
	if !l.stays {
		if ln, err := socket.Listen(ctx, ":0"); err == nil { // without a port this side can still call
			l.at = ln.Addr()
			inlet.Feed(ln)
		}
	}
	own := reaching{stays: l.stays}.capabilities()
	cfg := link.Config{Role: role, Code: code, Timeout: pair.timeout, RetryFor: pair.retry, Capabilities: caps | own, SourceOf: inlet.Source}
	alone := make(chan struct{}) // closed once it is known that there is no socket
	cfg.Notify = func(e link.Event) {
		if e.Kind != link.EventLost {
			return
		}
		select {
		case <-alone:
			end(errAlone)
		default:
		}
	}
	if l.listener, err = link.Serve(inlet, cfg); err != nil {
		return nil, errors.Join(err, inlet.Close())
	}
	f.began = true
	if err = putLine(f.conn, a); err == nil {
		err = inlet.Put(f.conn, "ssh")
	}
	if err == nil {
		within, cancel := context.WithTimeout(ctx, firstLink)
		l.Link, err = l.listener.Accept(within)
		cancel()
	}
	if err != nil {
		return nil, errors.Join(err, l.listener.Close())
	}
	l.waiting = waiting{folder: l.folder, key: key, end: end,
		put:    func(conn net.Conn) error { return inlet.Put(conn, "ssh") },
		lost:   func() bool { _, _, lost := l.Lost(); return lost },
		silent: func() time.Duration { d, _ := l.Silence(); return d },
	}
	if l.folder == "" || l.waiting.serve(f.order.Session) != nil {
		close(alone)
		if l.waiting.lost() {
			end(errAlone)
		}
	}
	return l, nil
}

// close ends all of it, once the delivery has ended.
func (l *farLink) close() {
	_ = l.listener.Close() // its link has ended before
	l.waiting.close()
}

// capabilities are those of both ends of a copy by ssh, which one person has.
func (r reaching) capabilities() uint64 {
	caps := framing.CapWide | framing.CapRequest | framing.CapMirror | framing.CapRemarks | framing.CapNames | framing.CapStored | framing.CapCopy
	if !r.stays {
		caps |= framing.CapPaths
	}
	return caps
}
