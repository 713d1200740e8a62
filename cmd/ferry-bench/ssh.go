package main

import (
	"context"
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

// rsyncSSH is rsync over ssh to an sshd of its own, with keys of its own.
type rsyncSSH struct {
	server server
	shell  string // the value of rsync's -e
	host   string // USER@HOST
	made   bool   // privilegeFolder was made here
}

func (*rsyncSSH) name() string { return "rsync-ssh" }

func (s *rsyncSSH) start(ctx context.Context, state string) error {
	for _, program := range []string{"rsync", "ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	if strings.ContainsAny(state, " \t'\"%") {
		return fmt.Errorf("the folder of temporary files, %s, has a name that would need quoting three times over", state)
	}
	sshd, err := findServer()
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	if me.Uid == "0" && runtime.GOOS == "linux" {
		err := os.Mkdir(privilegeFolder, 0o755)
		if err != nil && !os.IsExist(err) {
			return err
		}
		s.made = err == nil
	}
	hostKey, userKey := filepath.Join(state, "host-key"), filepath.Join(state, "user-key")
	for _, key := range []string{hostKey, userKey} {
		if _, err := runProcess(exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)); err != nil {
			return err
		}
	}
	host, port, err := freeAddress()
	if err != nil {
		return err
	}
	known, err := os.ReadFile(hostKey + ".pub")
	if err != nil {
		return err
	}
	knownHosts := filepath.Join(state, "known-hosts")
	if err := os.WriteFile(knownHosts, fmt.Appendf(nil, "[%s]:%s %s", host, port, known), 0o600); err != nil {
		return err
	}
	config := filepath.Join(state, "sshd.conf")
	lines := []string{
		"ListenAddress " + host + ":" + port,
		"HostKey " + hostKey,
		"AuthorizedKeysFile " + userKey + ".pub",
		"PidFile none",
		"StrictModes no", // the folder of temporary files is everybody's
		"UsePAM no",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PermitRootLogin prohibit-password",
		"Ciphers " + sshCipher,
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	s.host = me.Username + "@" + host
	client := []string{
		"ssh", "-F", "none", "-p", port, "-i", userKey, "-c", sshCipher,
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + knownHosts,
	}
	s.shell = strings.Join(client, " ")
	// sshd starts itself anew for each connection, for which it wants its full path.
	if err := s.server.start(ctx, exec.Command(sshd, "-D", "-e", "-f", config), host+":"+port); err != nil {
		return err
	}
	login := append(client[1:], s.host, "true")
	if _, err := runProcess(exec.CommandContext(ctx, client[0], login...)); err != nil {
		return fmt.Errorf("logging in at %s: %w", s.host, err)
	}
	return nil
}

// findServer looks for sshd, which is not in the PATH of most users.
func findServer() (string, error) {
	path, err := exec.LookPath("sshd")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/sshd")
	}
	return path, err
}

func (s *rsyncSSH) run(ctx context.Context, src, dst string) (int64, error) {
	return runProcess(exec.CommandContext(ctx, "rsync", rsyncArguments, "-e", s.shell, src, s.host+":"+dst+"/"))
}

func (s *rsyncSSH) stop() error {
	err := s.server.stop()
	if s.made {
		s.made = false
		if rerr := os.Remove(privilegeFolder); err == nil {
			err = rerr
		}
	}
	return err
}
