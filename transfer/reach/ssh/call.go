package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Call is how to run a command at a host.
type Call struct {
	Program []string // ssh and the user's own arguments; nil is ssh
	Host    string   // [USER@]HOST, as ssh takes it
	// Command is run by the login shell there, which takes it apart.
	Command string
	Ciphers string // in the order of preference; "" leaves that to ssh
	// Batch asks nobody for a password or about a host key.
	Batch bool
	// Said may be nil. It is told each line that comes on standard error, by one goroutine.
	Said func(line string)
}

// CheckHost refuses what ssh would take for something else than a host.
func CheckHost(host string) error {
	user, name, found := strings.Cut(host, "@")
	if !found {
		name = user
	}
	switch {
	case name == "" || found && user == "":
		return errors.New("has no machine before the colon")
	case host[0] == '-' || name[0] == '-':
		return errors.New("is no machine: it begins with a dash")
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("'\"`\\;|&<>()$*?", r) }):
		return errors.New("is no name of a machine")
	}
	return nil
}

func (c Call) program() []string {
	if len(c.Program) == 0 {
		return []string{"ssh"}
	}
	return c.Program
}

// arguments is the command line of ssh.
func (c Call) arguments() []string {
	args := append(slices.Clone(c.program()), "-T")
	if c.Batch {
		args = append(args, "-o", "BatchMode=yes")
	}
	if c.Ciphers != "" {
		args = append(args, "-o", "Ciphers="+c.Ciphers)
	}
	return append(args, c.Host, c.Command)
}

// Pipe is a running ssh, and the connection that its standard input and output are. Closing
// the connection leaves ssh to end of itself; End and Leave see to it.
type Pipe struct {
	net.Conn
	host  string
	said  *said
	ended chan struct{} // closed when ssh has ended
	code  int           // its exit code, -1 for a signal; of ended
	kill  context.CancelFunc
	reads chan struct{} // full while somebody reads
	shut  chan struct{} // closed by Close
	close sync.Once     // of shut
	end   sync.Once
}

// Open runs ssh, and waits for the far end to say that it is there. ctx bounds the waiting,
// and not the life of ssh: over it a goodbye goes when ctx has ended.
func (c Call) Open(ctx context.Context) (*Pipe, Ready, error) {
	p, err := c.start()
	if err != nil {
		return nil, Ready{}, err
	}
	quiet := time.Duration(0) // a person may take long over a password
	if c.Batch {
		quiet = quietLimit
	}
	r, err := p.ready(ctx, quiet)
	if err != nil {
		return nil, r, err
	}
	return p, r, nil
}

// start runs ssh. Its life ends with End, or when it likes after Leave.
func (c Call) start() (*Pipe, error) {
	if _, err := exec.LookPath(c.program()[0]); err != nil {
		return nil, &Error{Host: c.Host, Exit: -1, Err: fmt.Errorf("starting ssh: %w", err)}
	}
	own, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making a connection to ssh: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := newPipe(own, c.Host)
	p.said.tell, p.kill = c.Said, cancel
	args := shielded(c.arguments())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, p.said
	cmd.Cancel = func() error { return ask(cmd.Process) }
	cmd.WaitDelay = killLimit // a connection that ssh leaves behind for others keeps standard error
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		cancel()
		_ = own.Close()
		return nil, &Error{Host: c.Host, Exit: -1, Err: fmt.Errorf("starting %s: %w", c.program()[0], err)}
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the exit code says it
		p.said.end()
		p.code = cmd.ProcessState.ExitCode()
	}()
	return p, nil
}

func newPipe(conn net.Conn, host string) *Pipe {
	return &Pipe{Conn: conn, host: host, said: new(said), ended: make(chan struct{}), reads: make(chan struct{}, 1), shut: make(chan struct{})}
}

// RemoteAddr is the host, as it was given.
func (p *Pipe) RemoteAddr() net.Addr { return addr(p.host) }

// CloseWrite ends what the far end reads.
func (p *Pipe) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return p.Conn.Close()
}

// Read reads what the far end says. After Close it fails at once.
func (p *Pipe) Read(b []byte) (int, error) {
	select {
	case <-p.shut: // also where nobody reads
		return 0, net.ErrClosed
	default:
	}
	select {
	case p.reads <- struct{}{}:
		defer func() { <-p.reads }()
		return p.Conn.Read(b)
	case <-p.shut:
		return 0, net.ErrClosed
	}
}

// Close ends what the far end reads, and for a moment takes what it still says: where a
// connection is closed with something unread, ssh loses what it has not yet taken of it, and
// a goodbye is that. A goroutine does it, which lives no longer than farewell.
func (p *Pipe) Close() error {
	first := false
	p.close.Do(func() {
		first = true
		close(p.shut)
	})
	if !first {
		return net.ErrClosed
	}
	err := p.CloseWrite()
	_ = p.SetReadDeadline(time.Unix(1, 0)) // whoever reads stops
	go func() {
		p.reads <- struct{}{} // for good
		if p.SetReadDeadline(time.Now().Add(farewell)) == nil {
			_, _ = io.Copy(io.Discard, p.Conn)
		}
		_ = p.Conn.Close()
	}()
	return err
}

// addr is the address of a connection by ssh: the host.
type addr string

// Network returns "ssh".
func (addr) Network() string { return "ssh" }

func (a addr) String() string { return string(a) }

// farewell is how long ssh may take to end once its connection is closed, and killLimit once
// it is asked to: where nothing passes it does not. The first comes behind the goodbye of a
// link, 700 ms, and both are over before a command that was interrupted ends.
const (
	farewell  = 400 * time.Millisecond
	killLimit = 200 * time.Millisecond
)

// End closes the connection, and waits for ssh to end. If it does not, it is killed.
func (p *Pipe) End() {
	p.end.Do(func() {
		_ = p.Close() // nothing is written any more
		select {
		case <-p.ended:
		case <-time.After(farewell):
		}
		p.kill()
	})
	<-p.ended
}

// Leave closes the connection, and waits for ssh to end, for a moment. Where nothing passes for
// a while, ssh has taken a goodbye that the far end has not heard: it goes on then without this
// process. To kill it would lose that, as its sshd drops what it has not passed on. It ends when
// the far end does, or when the system gives its connection up.
func (p *Pipe) Leave() {
	_ = p.Close()
	select {
	case <-p.ended:
	case <-time.After(farewell):
	}
}

// sshFailed is the exit code of ssh where ssh itself failed, and not the command.
const sshFailed = 255

// Error is why there is no connection to the program at the far end.
type Error struct {
	Host   string
	Exit   int      // of ssh, -1 if a signal ended it or it did not start
	Lines  []string // the last that came on standard error
	Banner string   // what came on standard output
	Err    error    // nil if the output just ended
}

func (e *Error) Error() string {
	switch {
	case e.Exit == sshFailed && len(e.Lines) > 0:
		return "ssh: " + strings.TrimPrefix(e.Lines[len(e.Lines)-1], "ssh: ") // it gives its reason last
	case e.Err != nil:
		return e.Err.Error()
	case e.Exit == sshFailed:
		return "ssh could not connect to " + e.Host
	}
	return "no ferry answers at " + e.Host
}

func (e *Error) Unwrap() error { return e.Err }

// Absent reports that ssh reached the host, and no ferry answered there.
func (e *Error) Absent() bool { return e.Err == nil && e.Exit != sshFailed && e.Exit >= 0 }

// ready waits for the far end to say that it is there, for so long if nothing comes. After
// an error the Pipe is ended.
func (p *Pipe) ready(ctx context.Context, quiet time.Duration) (Ready, error) {
	stop := context.AfterFunc(ctx, func() { _ = p.Conn.Close() })
	defer stop()
	r, before, err := awaitReady(p.Conn, quiet)
	if err == nil {
		return r, nil
	}
	if ctx.Err() != nil {
		p.kill() // it may be at a question, and read nothing
		p.End()
		return r, context.Cause(ctx)
	}
	return r, p.failure(before, err)
}

// failure ends p, and is why it failed with err after it printed so much.
func (p *Pipe) failure(before []byte, err error) error {
	if ended(err) {
		// It is about to end, and says with what.
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
		}
		err = nil
	}
	p.End()
	return &Error{Host: p.host, Exit: p.code, Lines: p.said.lines(), Banner: string(before), Err: err}
}

// Said is what came on standard error lately.
func (p *Pipe) Said() []string { return p.said.lines() }
