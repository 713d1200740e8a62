package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// kit is what the runs share: programs, keys, and variables of command lines.
type kit struct {
	state string // folder of what is made; not beside the data, since memory may be mounted noexec
	vars  map[string]string
}

func newKit() (*kit, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	state, err := os.MkdirTemp("", "ferry-bench-")
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	k := &kit{state, map[string]string{
		"STATE": state, "USER": me.Username, "SECRET": secret, "FERRY_CODE": "1-" + secret, "CROC_SECRET": "1234-" + secret,
		"SSH":  "ssh -F " + filepath.Join(state, "ssh.conf"),
		"HOME": state, // settings of the user are left out
	}}
	if me.Uid == "0" { // else rsync's daemon would turn into nobody
		k.vars["OWNER"] = "uid = 0\ngid = 0\n"
	}
	return k, nil
}

// get makes ready all that a tool needs. An error means that it cannot be had here.
func (k *kit) get(ctx context.Context, l tool) (err error) {
	for need := range strings.FieldsSeq(l.needs) {
		switch {
		case need == "ferry" && k.vars["FERRY"] == "":
			k.vars["FERRY"] = filepath.Join(k.state, "ferry.exe") // a name for every system
			k.vars["REMOTE"] = k.vars["FERRY"] + " remote"
			k.vars["INSIDE"] = "unshare --map-root-user --net " + k.vars["REMOTE"]
			err = command(ctx, "go", "build", "-o", k.vars["FERRY"], "ferry/cmd/ferry")
		case need == "sshd" && k.vars["HOSTKEY"] == "":
			err = k.server(ctx)
		case need != "ferry" && need != "sshd":
			_, err = exec.LookPath(need)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// server makes ready an sshd of our own, with keys of its own.
func (k *kit) server(ctx context.Context) (err error) {
	// sshd is not in the PATH of most users, and starts itself anew for each
	// connection, for which it wants its full path.
	if k.vars["SSHD"], err = exec.LookPath("sshd"); err != nil {
		if k.vars["SSHD"], err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return err
		}
	}
	_ = os.Mkdir("/run/sshd", 0o755) // an sshd run by root locks its children into it, and says so if it is absent
	for _, key := range []string{"host-key", "user-key"} {
		if err := command(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(k.state, key)); err != nil {
			return err
		}
	}
	host, err := os.ReadFile(filepath.Join(k.state, "host-key.pub"))
	k.vars["HOSTKEY"] = strings.TrimSpace(string(host))
	return err
}

// command runs one that has to succeed before anything is measured.
func command(ctx context.Context, words ...string) error {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %q", words[0], err, out)
	}
	return nil
}
