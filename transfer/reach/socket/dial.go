package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"ferry/transfer/link"
)

const (
	// attemptLimit ends one attempt of Open. Within it the kernel sends three SYNs, so that
	// firewalls on the way go on to expect an answer.
	attemptLimit = 5 * time.Second
	// openEvery is the least time between the starts of two attempts.
	openEvery = 100 * time.Millisecond
)

// Listen listens on addr, "host:port" or ":port" for both families, so that DialFrom can
// use the same port. ctx bounds the look-up of host only.
func Listen(ctx context.Context, addr string) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAliveConfig: link.Dialer().KeepAliveConfig}
	lc.SetMultipathTCP(false) // its sockets take no option once they listen
	ln, err := lc.Listen(ctx, "tcp", addr)
	if op := new(net.OpError); errors.As(err, &op) { // which says the step again
		err = fmt.Errorf("%s: %w", addr, op.Err)
	}
	if err != nil {
		return nil, err
	}
	tcp := ln.(*net.TCPListener)
	if err := openToDialling(tcp); err != nil {
		_ = tcp.Close()
		return nil, fmt.Errorf("%s: letting its port be dialled from: %w", addr, err)
	}
	return tcp, nil
}

// DialFrom makes one connection to to, from the port of a listener of Listen that is still
// open. Where the system does not allow that it is made from any port.
func DialFrom(ctx context.Context, port uint16, to netip.AddrPort) (net.Conn, error) {
	d := link.Dialer()
	if sharesPort && port != 0 {
		d.LocalAddr = &net.TCPAddr{Port: int(port)}
		d.ControlContext = func(_ context.Context, _, _ string, c syscall.RawConn) error { return control(c, sharePort) }
	}
	d.SetMultipathTCP(false)
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if d.LocalAddr != nil && notBound(err) {
		d.LocalAddr, d.ControlContext = nil, nil
		conn, err = d.DialContext(ctx, "tcp", to.String())
	}
	if err != nil {
		return nil, err
	}
	// A port that dials itself is connected to itself.
	if conn.LocalAddr().String() == conn.RemoteAddr().String() {
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: conn.RemoteAddr(), Err: syscall.ECONNREFUSED}
	}
	return conn, nil
}

// notBound tells that a dial failed because its socket could not have the port.
func notBound(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "bind"
}

// Open makes a connection with a side that opens one to port at about the same time, where
// each side's firewall lets only answers in. It dials again until ctx ends, and then tells
// why the last attempt failed. An attempt that is refused is made again after 100 ms.
func Open(ctx context.Context, port uint16, to netip.AddrPort) (net.Conn, error) {
	again := time.NewTicker(openEvery)
	defer again.Stop()
	for {
		conn, err := attempt(ctx, port, to)
		if err == nil {
			return conn, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

func attempt(ctx context.Context, port uint16, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	return DialFrom(ctx, port, to)
}

// Shared makes a UDP socket whose port others on this machine may have too. What is sent
// to a group or to all reaches each of them. What is sent to one address reaches one.
func Shared(ctx context.Context, network, addr string) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return control(c, shareGroup) }}
	conn, err := lc.ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// control sets options by set.
func control(c syscall.RawConn, set func(fd uintptr) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = set(fd) }); err != nil {
		return err
	}
	return inner
}
