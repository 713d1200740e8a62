package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// crocHeadStart is how long the sender may take to reach the relay, before the
// clock starts: a receiver that comes first gives up. The sender hashes meanwhile,
// which is in its favour.
const crocHeadStart = 2 * time.Second

// croc is croc with a relay of its own on the far side.
type croc struct{ env []string }

func (*croc) name() string { return "croc" }

func (c *croc) prepare(_ context.Context, state string) error {
	if _, err := exec.LookPath("croc"); err != nil {
		return err
	}
	// It keeps settings in the home folder.
	home := filepath.Join(state, "home")
	c.env = append(os.Environ(), "HOME="+home, "CROC_SECRET=1234-"+rand.Text())
	return os.Mkdir(home, 0o700)
}

func (c *croc) run(t *trial) error {
	var ports []string
	for range 5 { // one to meet, four for the data
		port, err := freePort()
		if err != nil {
			return err
		}
		ports = append(ports, port)
	}
	relay := t.far("croc", "relay", "--host", t.net.address, "--ports", strings.Join(ports, ","))
	relay.Env = c.env
	if err := t.daemon(relay, ports[0]); err != nil {
		return err
	}
	env := append([]string{"CROC_RELAY=" + t.net.address + ":" + ports[0]}, c.env...)
	// The data does not shrink, and its compression is slow.
	common := []string{"--no-compress", "--yes", "--overwrite", "--ignore-stdin", "--disable-clipboard"}
	send := t.near("croc", append(common, "send", "--no-local", t.src)...)
	receive := t.far("croc", append(common, "--out", t.dst)...)
	send.Env, receive.Env = env, env
	return t.sendFirst(send, receive, crocHeadStart)
}
