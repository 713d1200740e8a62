package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
)

// kit is what the runs share: programs, keys, and variables of command lines.
type kit struct {
	state string // folder of what is made; not beside the data, since memory may be mounted noexec
	vars  map[string]string
	made  map[string]error // by need, of those that were asked for
	undo  []func() error
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
	k := &kit{state: state, made: make(map[string]error), undo: []func() error{func() error { return removeAll(state) }}}
	k.vars = map[string]string{
		"STATE": state, "USER": me.Username, "SECRET": secret, "FERRY_CODE": "1-" + secret, "CROC_SECRET": "1234-" + secret,
		"SSH":  "ssh -F " + filepath.Join(state, "ssh.conf"),
		"HOME": state, // settings of the user are left out
	}
	if me.Uid == "0" { // else rsync's daemon would turn into nobody
		k.vars["OWNER"] = "uid = 0\ngid = 0\n"
	}
	return k, nil
}

func (k *kit) close() error {
	var errs []error
	for _, f := range k.undo {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// get makes ready all that a tool needs. An error means that it cannot be had here.
func (k *kit) get(ctx context.Context, l tool) error {
	for need := range strings.FieldsSeq(l.needs) {
		err, done := k.made[need]
		if !done {
			switch need {
			case "ferry":
				k.vars["FERRY"] = filepath.Join(k.state, "ferry.exe") // a name for every system
				err = runProcess(ctx, "go", "build", "-o", k.vars["FERRY"], "ferry/cmd/ferry")
			case "sshd":
				err = k.server(ctx)
			case "nc":
				err = findNetcat()
			default:
				_, err = exec.LookPath(need)
			}
			k.made[need] = err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// privilegeFolder is where an sshd run by root locks its children into.
const privilegeFolder = "/run/sshd"

// server makes ready an sshd of our own, with keys of its own.
func (k *kit) server(ctx context.Context) (err error) {
	if strings.ContainsAny(k.state, " \t'\"%,:") {
		return fmt.Errorf("the folder of temporary files, %s, has a name that would need quoting three times over", k.state)
	}
	// sshd is not in the PATH of most users, and starts itself anew for each
	// connection, for which it wants its full path.
	if k.vars["SSHD"], err = exec.LookPath("sshd"); err != nil {
		if k.vars["SSHD"], err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return err
		}
	}
	for _, key := range []string{"host-key", "user-key"} {
		if err := runProcess(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(k.state, key)); err != nil {
			return err
		}
	}
	host, err := os.ReadFile(filepath.Join(k.state, "host-key.pub"))
	k.vars["HOSTKEY"] = strings.TrimSpace(string(host))
	if err != nil || runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return err
	}
	err = os.Mkdir(privilegeFolder, 0o755)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	k.undo = append(k.undo, func() error { return os.Remove(privilegeFolder) })
	return err
}

// findNetcat looks for the netcat of OpenBSD, whose -N ends the stream where the
// file ends.
func findNetcat() error {
	if runtime.GOOS != "linux" {
		return errors.New("whether nc listens is seen on Linux only")
	}
	help, err := exec.Command("nc", "-h").CombinedOutput()
	if bytes.Contains(help, []byte("OpenBSD")) {
		return nil // some end with a failure here
	}
	return errors.Join(errors.New("there is no nc of OpenBSD"), err)
}
