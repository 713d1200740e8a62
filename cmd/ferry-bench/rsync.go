package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// rsyncArguments are for the metadata that ferry keeps too and some more: whole
// files, since the destination is empty or the same, or, after an interruption,
// the rest of a file with a check of the whole.
func rsyncArguments(t *trial) []string {
	if t.resumed {
		return []string{"-a", "--partial", "--append-verify"}
	}
	return []string{"-aW"}
}

// rsyncDaemon is rsync to a daemon: plain TCP.
type rsyncDaemon struct {
	program string
	owner   []string // lines of the daemon's file
}

func (*rsyncDaemon) name() string { return "rsync-daemon" }

func (d *rsyncDaemon) prepare(context.Context, string) (err error) {
	if d.program, err = exec.LookPath("rsync"); err != nil {
		return err
	}
	me, err := user.Current()
	if err == nil && me.Uid == "0" { // else it would turn into nobody
		d.owner = []string{"uid = 0", "gid = 0"}
	}
	return err
}

func (d *rsyncDaemon) run(t *trial) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	// It serves whatever this user may write, hence to the near side only and
	// behind a name that nobody knows.
	module := filepath.Base(filepath.Dir(t.state))
	config := filepath.Join(t.state, "rsyncd.conf")
	lines := append([]string{
		"use chroot = no", "[" + module + "]", "path = /", "read only = no", "list = no", "hosts allow = " + t.net.origin,
	}, d.owner...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	serve := t.far(d.program, "--daemon", "--no-detach", "--config="+config, "--address="+t.net.address, "--port="+port,
		"--log-file="+filepath.Join(t.state, "rsyncd.log"))
	if err := t.daemon(serve, port); err != nil {
		return err
	}
	url := fmt.Sprintf("rsync://%s:%s/%s%s/", t.net.address, port, module, t.dst)
	return t.send(t.near(d.program, append(rsyncArguments(t), t.src, url)...))
}

// rsyncSSH is rsync over ssh.
type rsyncSSH struct{ ssh *sshServer }

func (*rsyncSSH) name() string { return "rsync-ssh" }

func (r *rsyncSSH) prepare(ctx context.Context, state string) error {
	if _, err := exec.LookPath("rsync"); err != nil {
		return err
	}
	return r.ssh.prepare(ctx, state)
}

func (r *rsyncSSH) run(t *trial) error {
	port, err := r.ssh.serve(t)
	if err != nil {
		return err
	}
	shell := strings.Join(append([]string{"ssh", "-p", port}, r.ssh.options...), " ")
	args := append(rsyncArguments(t), "-e", shell, t.src, r.ssh.host(t)+":"+t.dst+"/")
	return t.send(t.near("rsync", args...))
}
