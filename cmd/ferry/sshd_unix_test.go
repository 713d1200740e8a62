//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ferry/transfer/reach/socket/sockettest"
)

// sshdProgram is where sshd is, "" if it is not installed. sshd wants to be called by its
// whole path.
func sshdProgram() string {
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/libexec/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// startSSHD is the command sshd of scripts: it starts a real sshd on loopback, which logs in
// this user alone, with the folder home as its home and the PATH of the script. The hosts
// box and BOX of the file ssh_config lead there, and FERRY_SSH has ssh read that file.
//
//	sshd [SHELL]    with SHELL, commands are run by that program in place of the login shell
func startSSHD(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: sshd [SHELL]")
	}
	home, dir := ts.MkAbs("home"), ts.MkAbs(".sshd")
	ts.Check(os.MkdirAll(home, 0o700))
	ts.Check(os.MkdirAll(dir, 0o700))
	if os.Geteuid() == 0 {
		ts.Check(os.MkdirAll("/run/sshd", 0o755))
	}
	me, err := user.Current()
	ts.Check(err)
	for _, name := range []string{"host", "user"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput()
			if err != nil {
				ts.Fatalf("ssh-keygen: %v: %s", err, out)
			}
		}
	}
	l, err := sockettest.Listen()
	ts.Check(err)
	port := l.Addr().(*net.TCPAddr).Port
	ts.Check(l.Close())
	config := fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n", port, dir, dir)
	config += fmt.Sprintf("SetEnv \"HOME=%s\" \"PATH=%s\" GORACE=atexit_sleep_ms=0 FERRY_FIND=off\n", home, ts.Getenv("PATH"))
	if len(args) == 1 {
		config += fmt.Sprintf("ForceCommand exec %s -c \"$SSH_ORIGINAL_COMMAND\"\n", args[0])
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	ts.Check(err)
	cmd := exec.Command(sshdProgram(), "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && ts.Getenv("SSHD_LOG") != "" {
			ts.Logf("%s", text)
		}
	})
	key, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	ts.Check(err)
	words := strings.Fields(string(key))
	known := fmt.Sprintf("[127.0.0.1]:%d %s %s\n", port, words[0], words[1])
	ts.Check(os.WriteFile(filepath.Join(dir, "known"), []byte(known), 0o600))
	client := fmt.Sprintf("Host box BOX\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s/user\n IdentitiesOnly yes\n UserKnownHostsFile %s/known\n GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n LogLevel ERROR\n", port, me.Username, dir, dir)
	ts.Check(os.WriteFile(ts.MkAbs("ssh_config"), []byte(client), 0o600))
	ts.Setenv("FERRY_SSH", "ssh -F "+ts.MkAbs("ssh_config"))
	ts.Setenv("HOME_THERE", home)
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("sshd does not listen: %v", err)
		}
		<-time.After(20 * time.Millisecond) // until it is asked again
	}
}
