package main

import (
	"errors"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

var errSockets = errors.New("systemd hands over several sockets, and one is served: ListenStream is given once")

// handedOver is the socket that systemd listens on for this process; nil if there is none.
func handedOver() (net.Listener, error) {
	all, err := activation.Listeners()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if len(all) > 1 || all[0] == nil {
		for _, ln := range all {
			if ln != nil {
				_ = ln.Close() // it is not served
			}
		}
		return nil, errSockets
	}
	return all[0], nil
}

// tellSystem tells systemd how far this process is, if it asked for that.
func tellSystem(state string) {
	// Nothing depends on it but what systemd shows.
	_, _ = daemon.SdNotify(false, state)
}
