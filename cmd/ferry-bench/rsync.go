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

// rsyncArguments: the metadata that ferry keeps too and some more, whole files,
// since the destination is empty.
const rsyncArguments = "-aW"

// rsyncDaemon is rsync to a daemon on loopback: plain TCP.
type rsyncDaemon struct {
	server server
	url    string // of the daemon, which serves the root of the file system
}

func (*rsyncDaemon) name() string { return "rsync-daemon" }

func (d *rsyncDaemon) start(ctx context.Context, state string) error {
	rsync, err := exec.LookPath("rsync")
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	host, port, err := freeAddress()
	if err != nil {
		return err
	}
	config := filepath.Join(state, "rsyncd.conf")
	// It serves whatever this user may write, hence to this machine only and
	// behind a name that nobody knows.
	module := filepath.Base(state)
	lines := []string{
		"use chroot = no", "[" + module + "]", "path = /", "read only = no", "list = no", "hosts allow = 127.0.0.1",
	}
	if me.Uid == "0" { // else it would turn into nobody
		lines = append(lines, "uid = 0", "gid = 0")
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	d.url = fmt.Sprintf("rsync://%s:%s/%s", host, port, module)
	cmd := exec.Command(rsync, "--daemon", "--no-detach", "--config="+config, "--address="+host, "--port="+port,
		"--log-file="+filepath.Join(state, "rsyncd.log"))
	return d.server.start(ctx, cmd, host+":"+port)
}

func (d *rsyncDaemon) run(ctx context.Context, src, dst string) (int64, error) {
	return runProcess(exec.CommandContext(ctx, "rsync", rsyncArguments, src, d.url+dst+"/"))
}

func (d *rsyncDaemon) stop() error { return d.server.stop() }
