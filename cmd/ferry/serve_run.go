package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"ferry/cmd/ferry/confine"
	"ferry/transfer/serve"
)

const (
	// keysEvery is how often it is looked whether the file of keys has changed.
	keysEvery = time.Second
	// expiredEvery is how often those who are here are held against their lines.
	expiredEvery = time.Minute
	// metricsTime bounds a request for numbers.
	metricsTime = 10 * time.Second
)

// run listens, serves, and says so, in these steps:
//
//  1. Listen, for clients and for the numbers; give up the rights that are not needed.
//  2. Say that all is ready, to people, programs and systemd.
//  3. Serve until a signal. An interrupt ends everything, SIGTERM begins the drain. SIGHUP,
//     and a change of the file, have the keys read again.
//  4. Say what there was.
func (s *serving) run(ctx context.Context) error {
	var background, numbers sync.WaitGroup
	defer numbers.Wait()
	defer background.Wait()
	ending, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()

	ln, err := s.listener(ctx)
	if err != nil {
		return s.log.failed(fmt.Errorf("listening: %w", err), listenHint(err))
	}
	server, err := serve.New(s.config)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if s.metrics != "" {
		end, err := s.numbers(ctx, server, &numbers)
		if err != nil {
			_ = ln.Close() // nobody came by it
			return s.log.failed(fmt.Errorf("listening for --metrics: %w", err), "name another address by --metrics")
		}
		defer end()
	}
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), s.config.Memory+servedBase))
	s.confine()
	s.log.started(s, ln.Addr().String())
	background.Go(func() { s.log.run(ending) })
	if s.store != nil {
		hangup := s.env.Signals.hangups()
		background.Go(func() { s.rereads(ending, server, hangup) })
	}
	tellSystem("READY=1")

	defer context.AfterFunc(ctx, func() { tellSystem("STOPPING=1") })()
	d := newDrain(ctx, s.env, s.drain, func() { s.log.draining(s.drain) })
	err = server.Serve(d.cut, ctx, ln)
	how := d.end()
	over()
	background.Wait()
	return s.log.ended(err, how)
}

// listener is the socket that systemd hands over, or a new one.
func (s *serving) listener(ctx context.Context) (net.Listener, error) {
	if ln, err := handedOver(); ln != nil || err != nil {
		return ln, err
	}
	var nets net.ListenConfig
	return nets.Listen(ctx, "tcp", s.listen)
}

// numbers serves the numbers until end is called.
func (s *serving) numbers(ctx context.Context, server *serve.Server, in *sync.WaitGroup) (end func(), err error) {
	var nets net.ListenConfig
	ln, err := nets.Listen(ctx, "tcp", s.metrics)
	if err != nil {
		return nil, err
	}
	s.log.metrics = ln.Addr().String()
	web := &http.Server{Handler: server.Metrics(), ReadHeaderTimeout: metricsTime, ReadTimeout: metricsTime, WriteTimeout: metricsTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	in.Go(func() { _ = web.Serve(ln) }) // it ends with an error always
	return func() { _ = web.Close() }, nil
}

// rereads has the keys read again when they may have changed, and sends away who has none any
// more.
func (s *serving) rereads(ctx context.Context, server *serve.Server, hangup <-chan struct{}) {
	look, recheck := time.NewTicker(keysEvery), time.NewTicker(expiredEvery)
	defer look.Stop()
	defer recheck.Stop()
	for {
		changed, err := false, error(nil)
		select {
		case <-hangup:
			changed, err = true, s.store.Reload()
		case <-look.C:
			changed, err = s.store.Refresh()
		case <-recheck.C:
			server.Recheck()
			continue
		case <-ctx.Done():
			return
		}
		if changed || err != nil {
			s.log.keys(len(s.store.Grants()), err)
		}
		if err == nil && changed {
			server.Recheck()
		}
	}
}

// confine gives up the rights to all but the root and the file of keys. A system without
// such means serves all the same.
func (s *serving) confine() {
	if s.env.Confine == nil || s.disk == "" {
		return
	}
	set := confine.Set{Folders: []string{s.disk}, Reads: []string{"/proc/self", "/sys/fs/cgroup", "/etc/localtime", "/usr/share/zoneinfo"}, AnyPort: true}
	if s.store != nil {
		set.Reads = append(set.Reads, keysFolders(s.keysFile)...)
	}
	kept, err := s.env.Confine(set)
	s.log.put(nil, confinedText(set, kept, err))
}

// keysFolders are those in which the file of keys is found again when it has changed: an editor
// puts another file in its place, and a link leads to it perhaps.
func keysFolders(file string) (folders []string) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	folders = append(folders, filepath.Dir(path))
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(real) != folders[0] {
		folders = append(folders, filepath.Dir(real))
	}
	return folders
}
