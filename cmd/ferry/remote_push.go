package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ferry/checksum"
	"ferry/transfer/reach/ssh"
)

// programsVariable names the folder with ferry for other systems: ferry-OS-ARCH.
const programsVariable = "FERRY_REMOTE_DIR"

// removeLimit is how long it may take to remove what was brought for one copy.
const removeLimit = 10 * time.Second

// pusher brings ferry to a host that has none.
type pusher struct {
	when   string // ask, always, never, once
	env    *Env
	render renderer
	once   string // what was brought for this time only

	brought string // where ferry is there, if it was brought, now or before
}

func newPusher(when string, env *Env, r renderer) *pusher {
	return &pusher{when: when, env: env, render: r}
}

// programPath is this program.
func programPath() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "ferry"
}

// bring finds ferry where it was brought before, or brings it. It returns the command that
// runs it there. absent is the error of whoever found none there.
func (p *pusher) bring(ctx context.Context, call ssh.Call, absent error) (command string, err error) {
	if p.when == "never" || p.when == "ask" && !p.env.interactive() {
		return "", absent
	}
	sum, err := programSum(programPath())
	if err != nil {
		return "", err
	}
	there, err := call.Look(ctx, sum)
	if err != nil {
		return "", fmt.Errorf("looking for a place for ferry at %s: %w", call.Host, err)
	}
	program := programPath()
	if there.OS != runtime.GOOS || there.Arch != runtime.GOARCH {
		if program, err = p.programFor(there); err == nil {
			sum, err = programSum(program)
		}
		if err == nil {
			there, err = call.Look(ctx, sum)
		}
		if err != nil {
			return "", err
		}
	}
	if there.Found != "" {
		p.brought = there.Found
		return there.Found + " remote", nil
	}
	if p.when == "ask" {
		if err := p.agreed(ctx, call.Host, there, program, absent); err != nil {
			return "", err
		}
	}
	f, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read
	if p.when == "once" {
		sum += "-once"
	}
	p.render.advise([]string{"bringing ferry to " + call.Host})
	at, err := call.Push(ctx, f, sum)
	if err != nil {
		return "", &exitError{exit: exitConnection, err: fmt.Errorf("bringing ferry to %s: %w", call.Host, err), hint: "install it there by hand" + installLine(call.Host)}
	}
	if p.when == "once" {
		p.once = at
	}
	p.brought = at
	p.render.advise([]string{fmt.Sprintf("ferry was brought to %s, as %s", call.Host, plain(at))})
	return at + " remote", nil
}

// remove takes away what was brought for this time only.
func (p *pusher) remove(call ssh.Call) {
	if p == nil || p.once == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeLimit)
	defer cancel()
	call.Batch = true
	if err := call.Remove(ctx, p.once); err != nil {
		p.render.advise([]string{fmt.Sprintf("ferry stays at %s, as %s: %v", call.Host, plain(p.once), err)})
	}
}

// programFor is the program for a system that is not this one.
func (p *pusher) programFor(s ssh.System) (string, error) {
	folder := p.env.Getenv(programsVariable)
	path := filepath.Join(folder, "ferry-"+s.OS+"-"+s.Arch)
	if _, err := os.Stat(path); folder == "" || err != nil {
		return "", &exitError{exit: exitConnection, word: "no-connection",
			err:  fmt.Errorf("there is no ferry for %s/%s to bring there: this one is for %s/%s", plain(s.OS), plain(s.Arch), runtime.GOOS, runtime.GOARCH),
			hint: fmt.Sprintf("put it into a folder as ferry-%s-%s, and set %s to that folder", plain(s.OS), plain(s.Arch), programsVariable)}
	}
	return path, nil
}

// programSum is the name that a program gets at a host: a part of its digest, so that versions
// never mix.
func programSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read
	h := checksum.NewHasher()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return h.Sum().String()[:16], nil
}

// agreed asks the person whether ferry may be brought there.
func (p *pusher) agreed(ctx context.Context, host string, s ssh.System, program string, absent error) error {
	size := ""
	if info, err := os.Stat(program); err == nil {
		size = ", " + sizeText(info.Size())
	}
	p.render.advise([]string{fmt.Sprintf("no ferry answers at %s (%s/%s)", host, plain(s.OS), plain(s.Arch))})
	q := fmt.Sprintf("bring this one to ~/.cache/ferry there%s? [y/N] ", size)
	people, ok := p.render.(*console)
	if !ok {
		return absent
	}
	switch answer, err := people.screen.question(ctx, p.env, q); {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case !slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)):
		return absent
	}
	return nil
}
