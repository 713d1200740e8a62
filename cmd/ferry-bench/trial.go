package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// trial is one delivery by one tool. Whoever makes it calls finish.
//
// The clock starts when the far side listens, as it would on another machine,
// and stops when both sides have ended; a daemon, which does not end, is stopped
// after that, so that its figures can be had.
type trial struct {
	ctx context.Context
	net *network
	kit *kit
	set dataset // what to deliver
	dst string  // folder to deliver into, as dst/base(set.path)
	// resumed: what came is to be kept if the delivery is interrupted, and used
	// if some is there.
	resumed bool

	vars              map[string]string
	sample            sample
	near, far, daemon *process // nil until it is started
}

// run makes the delivery. errUnsuited, wrapped, means that the tool cannot.
func (t *trial) run(l tool) (err error) {
	if err := l.suits(t.net, t.set); err != nil {
		return err
	}
	if l.run != nil {
		return l.run(t)
	}
	if err := t.setVariables(l); err != nil {
		return err
	}
	for name, text := range l.files {
		if err := os.WriteFile(filepath.Join(t.kit.state, name), []byte(os.Expand(text, t.value)), 0o600); err != nil {
			return err
		}
	}
	if l.daemon != "" {
		// An interrupt of the delivery ends the client; the daemon notices by itself.
		if t.daemon, err = t.start(context.WithoutCancel(t.ctx), t.net.far, l.daemon); err == nil {
			err = t.daemon.listens(t.ctx, t.net.address, t.vars["PORT"])
		}
		if err != nil {
			return err
		}
	}
	near := func() (err error) { t.near, err = t.start(t.ctx, t.net.near, l.near); return err }
	far := func() (err error) { t.far, err = t.start(t.ctx, t.net.far, l.far); return err }
	switch {
	case l.far == "":
		return t.timed(near)
	case l.headStart > 0:
		if err := near(); err != nil {
			return err
		}
		select {
		case <-t.near.ended:
			return errors.Join(errors.New("the sender ended before the receiver came"), t.near.err)
		case <-time.After(l.headStart): // a context that ends, ends the sender
		}
		return t.timed(far)
	}
	if err := far(); err != nil {
		return err
	}
	if err := t.far.listens(t.ctx, t.net.address, t.vars["PORT"]); err != nil {
		return err
	}
	return t.timed(near)
}

// setVariables sets those of the command lines: of the kit, and of this run.
func (t *trial) setVariables(l tool) error {
	var ports []string
	for range 5 { // croc's relay wants one to meet and four for the data
		port, err := freePort()
		if err != nil {
			return err
		}
		ports = append(ports, port)
	}
	t.vars = maps.Clone(t.kit.vars)
	maps.Copy(t.vars, map[string]string{
		"ADDRESS": t.net.address, "ORIGIN": t.net.origin, "PORT": ports[0], "PORTS": strings.Join(ports, ","),
		"SRC": t.set.path, "PARENT": filepath.Dir(t.set.path), "NAME": filepath.Base(t.set.path), "FILE": t.set.file,
		"DST": t.dst, "FLAGS": l.flags, "CROC_RELAY": t.net.address + ":" + ports[0],
	})
	if t.resumed {
		t.vars["FLAGS"] = l.resume
	}
	return nil
}

func (t *trial) value(name string) string { return t.vars[name] }

// start starts a command line of a tool on one side.
func (t *trial) start(ctx context.Context, side []string, line string) (*process, error) {
	env := os.Environ()
	for name, value := range t.vars {
		env = append(env, name+"="+value)
	}
	words := append([]string{}, side...)
	if script, ok := strings.CutPrefix(line, "sh -c "); ok {
		return start(ctx, env, append(words, "sh", "-c", script)...)
	}
	for word := range strings.FieldsSeq(strings.ReplaceAll(line, "$FLAGS", t.vars["FLAGS"])) {
		words = append(words, os.Expand(word, t.value))
	}
	return start(ctx, env, words...)
}

// timed starts the last process and waits for the end of both sides, or for the
// first that fails.
func (t *trial) timed(last func() error) error {
	began := time.Now()
	defer func() { t.sample.Seconds = time.Since(began).Seconds() }()
	if err := last(); err != nil {
		return err
	}
	if t.far == nil {
		<-t.near.ended
		return t.near.err
	}
	first, second := t.near, t.far
	select {
	case <-t.near.ended:
	case <-t.far.ended:
		first, second = second, first
	}
	if first.err != nil {
		return first.err
	}
	<-second.ended
	return second.err
}

// finish stops all that still runs and returns the figures.
func (t *trial) finish() sample {
	if t.daemon != nil {
		t.daemon.childless()
	}
	t.sample.Near.add(t.near)
	t.sample.Far.add(t.far)
	t.sample.Far.add(t.daemon)
	return t.sample
}
