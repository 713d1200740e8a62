package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errUnsuited says why a tool is left out of some runs.
var errUnsuited = errors.New("not for this tool")

// trial makes one delivery of set to r.dst, and returns after all that it started has
// ended. flags are the $FLAGS of the tool. errUnsuited, wrapped, means that the tool cannot.
//
// The clock starts when the far side listens, as it would on another machine, and stops
// when both sides have ended. A daemon, which does not end, is stopped after that, so
// that its figures can be had.
func (r *runner) trial(ctx context.Context, l tool, set dataset, flags string) (s sample, err error) {
	switch {
	case l.local && r.net.link != (link{}):
		return s, fmt.Errorf("%w: it copies on one machine only", errUnsuited)
	case l.single && set.file == "":
		return s, fmt.Errorf("%w: it sends one file only", errUnsuited)
	}
	vars, err := r.variables(set, flags)
	if err != nil {
		return s, err
	}
	for name, text := range l.files {
		text = os.Expand(text, func(name string) string { return vars[name] })
		if err := os.WriteFile(filepath.Join(r.kit.state, name), []byte(text), 0o600); err != nil {
			return s, err
		}
	}
	var near, far, daemon *process // nil until it is started
	defer func() {
		if daemon != nil {
			// What a daemon started counts once it has waited for it. What it does not
			// wait for is not counted.
			_ = daemon.await(context.Background(), func() bool { return !hasChildren(daemon.cmd.Process.Pid) })
		}
		s.Near.add(near)
		s.Far.add(far)
		s.Far.add(daemon)
	}()
	if l.daemon != "" {
		// An interrupt of the delivery ends the client; the daemon notices by itself.
		if daemon, err = start(context.WithoutCancel(ctx), r.net.far, l.daemon, vars); err == nil {
			err = daemon.listens(ctx, r.net.address, vars["PORT"])
		}
		if err == nil {
			err = r.filled(context.WithoutCancel(ctx), l, set, vars)
		}
		if err != nil {
			return s, err
		}
	}
	switch {
	case l.headStart > 0:
		if near, err = start(ctx, r.net.near, l.near, vars); err == nil {
			select {
			case <-near.ended: // which fails the run below
			case <-time.After(l.headStart):
			}
		}
	case l.far != "":
		if far, err = start(ctx, r.net.far, l.far, vars); err == nil {
			err = far.listens(ctx, r.net.address, vars["PORT"])
		}
	}
	if err != nil {
		return s, err
	}
	carried := r.net.carried.Load()
	began := time.Now()
	if near == nil {
		near, err = start(ctx, r.net.near, l.near, vars)
	} else {
		far, err = start(ctx, r.net.far, l.far, vars)
	}
	if err == nil {
		err = wait(near, far)
	}
	s.Seconds, s.Carried = time.Since(began).Seconds(), r.net.carried.Load()-carried
	return s, err
}

// variables are those of command lines: the kit's, and those of one run.
func (r *runner) variables(set dataset, flags string) (map[string]string, error) {
	var ports []string
	for range 5 { // croc's relay wants one to meet and four for the data
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	vars := maps.Clone(r.kit.vars)
	maps.Copy(vars, map[string]string{
		"ADDRESS": r.net.address, "ORIGIN": r.net.origin, "PORT": ports[0], "PORTS": strings.Join(ports, ","),
		"SRC": set.path, "PARENT": filepath.Dir(set.path), "NAME": filepath.Base(set.path), "FILE": set.file,
		"DST": r.dst, "STORE": r.storeIn(), "FLAGS": flags, "CROC_RELAY": r.net.address + ":" + ports[0],
	})
	return vars, nil
}

// freePort is a TCP port where nobody listened a moment ago. In an emulated
// network, where nobody listens at all, it is as good as any.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
