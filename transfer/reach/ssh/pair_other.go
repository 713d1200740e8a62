//go:build !unix

package ssh

import (
	"errors"
	"io"
	"net"
	"os"
)

// socketPair makes a connection over loopback, since a pipe has no deadlines here. The
// second end is for a child's standard input and output.
func socketPair() (own net.Conn, theirs *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}

func shielded(args []string) []string { return args }

// ended reports that err is the end of a connection, and no failure of its own.
func ended(err error) bool { return errors.Is(err, io.EOF) }

func ask(p *os.Process) error { return p.Kill() }
