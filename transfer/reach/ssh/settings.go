package ssh

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/cpu"
)

// settingsLimit is how long ssh -G may take: it only reads files.
const settingsLimit = 3 * time.Second

// Settings is what ssh -G says of a host. What it did not say is empty.
type Settings struct {
	Hostname string
	Proxied  bool // by a jump host, or a command of the user's
	Ciphers  string
}

// SettingsOf asks ssh how it would reach a host. Programs of another name are not asked,
// since they may not know -G, and their settings are empty.
func (c Call) SettingsOf(ctx context.Context) Settings {
	program := c.program()
	name := strings.TrimSuffix(filepath.Base(program[0]), ".exe")
	if name != "ssh" {
		return Settings{}
	}
	ctx, cancel := context.WithTimeout(ctx, settingsLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], append(slices.Clone(program[1:]), "-G", c.Host)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return Settings{}
	}
	return parseSettings(out)
}

func parseSettings(out []byte) (s Settings) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case "hostname":
			s.Hostname = value
		case "ciphers":
			s.Ciphers = value
		case "proxyjump", "proxycommand":
			s.Proxied = s.Proxied || value != "none" && value != ""
		}
	}
	return s
}

// The ciphers that OpenSSH offers if nobody says otherwise. Their order is not the same in
// all its versions.
const (
	firstCipher = "chacha20-poly1305@openssh.com"
	gcmCiphers  = "aes128-gcm@openssh.com,aes256-gcm@openssh.com"
	ctrCiphers  = "aes128-ctr,aes192-ctr,aes256-ctr"
)

// QuickCiphers is the list of ciphers in an order that is faster on this machine, "" if the
// user chose a list, or nothing is gained. No cipher is added: the far end decides as ever.
func (s Settings) QuickCiphers() string {
	if !cpu.X86.HasAES && !cpu.ARM64.HasAES {
		return ""
	}
	switch s.Ciphers {
	case firstCipher + "," + ctrCiphers + "," + gcmCiphers, firstCipher + "," + gcmCiphers + "," + ctrCiphers:
		return gcmCiphers + "," + firstCipher + "," + ctrCiphers
	}
	return ""
}
