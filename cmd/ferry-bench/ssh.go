package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
)

// sshCipher is what ferry's TLS uses too, where the processor knows AES.
const sshCipher = "aes128-gcm@openssh.com"

// privilegeFolder is where an sshd run by root locks its children into.
const privilegeFolder = "/run/sshd"

// sshServer is an sshd of our own with keys of its own, which several tools
// share; each run has one to itself.
type sshServer struct {
	state   string // of the tool that was prepared first
	program string
	user    string
	options []string // of every client but for the port
}

func (s *sshServer) userKey() string    { return filepath.Join(s.state, "user-key") }
func (s *sshServer) hostKey() string    { return filepath.Join(s.state, "host-key") }
func (s *sshServer) knownHosts() string { return filepath.Join(s.state, "known-hosts") }

func (s *sshServer) host(t *trial) string { return s.user + "@" + t.net.address }

func (s *sshServer) prepare(ctx context.Context, state string) (err error) {
	if s.options != nil {
		return nil
	}
	s.state = state
	for _, program := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	if strings.ContainsAny(s.state, " \t'\"%,:") {
		return fmt.Errorf("the folder of temporary files, %s, has a name that would need quoting three times over", s.state)
	}
	// sshd is not in the PATH of most users, and starts itself anew for each
	// connection, for which it wants its full path.
	if s.program, err = exec.LookPath("sshd"); err != nil {
		if s.program, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return err
		}
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	s.user = me.Username
	for _, key := range []string{s.hostKey(), s.userKey()} {
		if err := runProcess(exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)); err != nil {
			return err
		}
	}
	s.options = []string{
		"-F", "none", "-i", s.userKey(), "-c", sshCipher,
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + s.knownHosts(),
	}
	return nil
}

// serve starts the server on the far side.
func (s *sshServer) serve(t *trial) (port string, err error) {
	if port, err = freePort(); err != nil {
		return "", err
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		switch err := os.Mkdir(privilegeFolder, 0o755); {
		case err == nil:
			t.after = append(t.after, func() error { return os.Remove(privilegeFolder) })
		case !errors.Is(err, os.ErrExist):
			return "", err
		}
	}
	known, err := os.ReadFile(s.hostKey() + ".pub")
	if err != nil {
		return "", err
	}
	line := fmt.Appendf(nil, "[%s]:%s %s", t.net.address, port, known)
	if err := os.WriteFile(s.knownHosts(), line, 0o600); err != nil {
		return "", err
	}
	config := filepath.Join(s.state, "sshd.conf")
	lines := []string{
		"ListenAddress " + t.net.address + ":" + port,
		"HostKey " + s.hostKey(),
		"AuthorizedKeysFile " + s.userKey() + ".pub",
		"PidFile none",
		"StrictModes no", // the folder of temporary files is everybody's
		"UsePAM no",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PermitRootLogin prohibit-password",
		"Subsystem sftp internal-sftp",
		"Ciphers " + sshCipher,
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return "", err
	}
	return port, t.daemon(t.far(s.program, "-D", "-e", "-f", config), port)
}

// scp is scp of OpenSSH. It knows neither what is there already nor a rest.
type scp struct{ ssh *sshServer }

func (*scp) name() string { return "scp" }

func (s *scp) prepare(ctx context.Context, state string) error {
	if _, err := exec.LookPath("scp"); err != nil {
		return err
	}
	return s.ssh.prepare(ctx, state)
}

func (s *scp) run(t *trial) error {
	port, err := s.ssh.serve(t)
	if err != nil {
		return err
	}
	args := append([]string{"-q", "-r", "-p", "-P", port}, s.ssh.options...)
	return t.send(t.near("scp", append(args, t.src, s.ssh.host(t)+":"+t.dst+"/")...))
}
