package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Real shells complete what is typed, with tab: each line here only works once it is
// completed, and then prints a text that was not typed.
func TestCompletionInShells(t *testing.T) {
	type line struct{ typed, printed string }
	lines := []line{
		{"ferry vers\t\r", "protocol 1,"},
		{"ferry help lim\t\r", "limits: "},
		{"ferry checksum --js\todd\t\r", `"digest":"`},
		{"ferry copy -n --links sa\todd\tthere\r", "would send:"},
		{"ferry copy -n --links=sk\todd\tbelow\r", "would deliver"},
		{"ferry verify --js\t./sub\tli\t\r", `"ok":true,"exit":0`},
	}
	// A code is completed a word at a time where the shell completes variables.
	codes := map[string][]line{
		"zsh":  {{"FERRY_CODE=7-pharm\t sh -c 'echo got $FERRY_CODE'\r", "got 7-pharmacy"}},
		"fish": {{"set -x FERRY_CODE 7-pharm\t; echo got $FERRY_CODE\r", "got 7-pharmacy"}},
	}
	for shell, run := range map[string]struct{ rc, setup string }{
		"bash": {"rc", "source <(ferry completion bash)\necho REA''DY\n"},
		"zsh":  {".zshrc", "autoload -Uz compinit\ncompinit -u -d dump\nsource <(ferry completion zsh)\necho REA''DY\n"},
		"fish": {"fish/config.fish", "ferry completion fish | source\necho REA''DY\n"},
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed", shell)
			}
			home := t.TempDir()
			cmd := exec.Command(path, "-i")
			if shell == "bash" {
				cmd.Args = []string{shell, "--noprofile", "--rcfile", "rc", "-i"}
			}
			cmd.Dir = home
			cmd.Env = []string{"PATH=" + home + "/bin:" + os.Getenv("PATH"), "HOME=" + home, "ZDOTDIR=" + home, "XDG_CONFIG_HOME=" + home,
				"TERM=xterm", "LC_ALL=C.UTF-8", "INPUTRC=/dev/null", "GORACE=atexit_sleep_ms=0"}
			furnish(t, home, run.rc, run.setup)
			seen := &awaited{text: "READY", found: make(chan struct{})}
			keys := startAtTerminal(t, cmd, seen)
			next := func(what string) {
				select {
				case <-seen.next():
				case <-time.After(scriptLimit):
					t.Fatalf("%s never happened:\n%q", what, seen)
				}
			}
			next("the start")
			for _, l := range append(slices.Clip(lines), codes[shell]...) {
				seen.expect(l.printed)
				if _, err := io.WriteString(keys, l.typed); err != nil {
					t.Fatal(err)
				}
				next(l.typed)
			}
		})
	}
}

// furnish puts into a folder what the lines above need: this program as ferry, a file of
// an odd name, and a list.
func furnish(t *testing.T, home, rc, setup string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"bin", "fish", "sub folder"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(home, "bin", "ferry")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		rc:                        setup,
		`odd $(touch gone) 'x' &`: "",
		"sub folder/list":         "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262  bin/../sub folder/empty\n",
		"sub folder/empty":        "",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(home, "gone")); err == nil {
			t.Error("the name of a file was run as a command")
		}
	})
}

// startAtTerminal starts a command at a terminal of its own, and ends it with the test.
// What it shows goes to screen, what is written to keys is typed.
func startAtTerminal(t *testing.T, cmd *exec.Cmd, screen io.Writer) (keys io.Writer) {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(person, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(screen, person) // ends when nobody has the terminal open
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		person.Close()
		<-read
	})
	return person
}
