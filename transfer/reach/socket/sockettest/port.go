// Package sockettest finds ports of 127.0.0.1 for tests that close a port and count on it:
// nobody answers there, or the test's own program listens there a moment later.
//
// A port from the system, by ":0", is no such port. The system gives it to the next
// connection of any program, and tests of other packages make thousands of them meanwhile.
package sockettest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that Address takes from: no system gives them to a connection or a listener that
// asks for any port. Linux begins at 32768, the others at 49152.
const (
	firstPort = 10240
	endPort   = 32768
)

// Listen listens on a port that stays free when the listener is closed, unless another test
// draws the same of 22528 ports.
func Listen() (net.Listener, error) {
	var last error
	for range 100 {
		port := firstPort + rand.IntN(endPort-firstPort)
		var ln net.Listener
		if ln, last = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); last == nil {
			return ln, nil
		}
	}
	return nil, fmt.Errorf("no port from %d to %d can be listened on: %w", firstPort, endPort-1, last)
}

// Address is an address with a port where nobody listens, as HOST:PORT.
func Address() (string, error) {
	ln, err := Listen()
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
