package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// rclone is rclone to the sftp server of the same sshd, without its check of the
// result, which would start a shell and md5sum at the far side for every file.
type rclone struct{ ssh *sshServer }

func (*rclone) name() string { return "rclone-sftp" }

func (r *rclone) prepare(ctx context.Context, state string) error {
	if _, err := exec.LookPath("rclone"); err != nil {
		return err
	}
	return r.ssh.prepare(ctx, state)
}

func (r *rclone) run(t *trial) error {
	port, err := r.ssh.serve(t)
	if err != nil {
		return err
	}
	remote := fmt.Sprintf(":sftp,host=%s,port=%s,user=%s,key_file=%s,known_hosts_file=%s,disable_hashcheck=true:%s",
		t.net.address, port, r.ssh.user, r.ssh.userKey(), r.ssh.knownHosts(), filepath.Join(t.dst, filepath.Base(t.src)))
	return t.send(t.near("rclone", "copy", "--quiet", "--config", filepath.Join(t.state, "rclone.conf"), t.src, remote))
}
