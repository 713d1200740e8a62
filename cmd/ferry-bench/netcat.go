package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// findNetcat looks for the netcat of OpenBSD, whose -N ends the stream where the
// file ends.
func findNetcat() error {
	if runtime.GOOS != "linux" {
		return errors.New("whether nc listens is seen on Linux only")
	}
	if _, err := exec.LookPath("nc"); err != nil {
		return err
	}
	help, err := exec.Command("nc", "-h").CombinedOutput() // some end with a failure here
	if !bytes.Contains(help, []byte("OpenBSD")) {
		return errors.Join(errors.New("this nc is not that of OpenBSD"), err)
	}
	return nil
}

// pipe runs shell command lines on both sides; $ADDRESS and $PORT name the far
// one, $SRC and $DST the folders.
func pipe(t *trial, far, near string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	env := append(os.Environ(), "ADDRESS="+t.net.address, "PORT="+port, "SRC="+t.src, "DST="+t.dst,
		"PARENT="+filepath.Dir(t.src), "NAME="+filepath.Base(t.src), "FILE="+t.file)
	receive, send := t.far("sh", "-c", far), t.near("sh", "-c", near)
	receive.Env, send.Env = env, env
	if err := t.receiver(receive, port); err != nil {
		return err
	}
	return t.send(send)
}

// netcat is nc: the bytes of one file on plain TCP, and nothing said of them.
type netcat struct{}

func (*netcat) name() string { return "nc" }

func (*netcat) prepare(context.Context, string) error { return findNetcat() }

func (*netcat) run(t *trial) error {
	if t.file == "" {
		return fmt.Errorf("%w: it sends one file only", errUnsuited)
	}
	return pipe(t, `mkdir -p "$DST/$NAME" && exec nc -l "$ADDRESS" "$PORT" >"$DST/$NAME/$FILE"`,
		`exec nc -N "$ADDRESS" "$PORT" <"$SRC/$FILE"`)
}

// tarNetcat is tar through nc.
type tarNetcat struct{}

func (*tarNetcat) name() string { return "tar-nc" }

func (*tarNetcat) prepare(context.Context, string) error {
	if _, err := exec.LookPath("tar"); err != nil {
		return err
	}
	return findNetcat()
}

func (*tarNetcat) run(t *trial) error {
	return pipe(t, `nc -l "$ADDRESS" "$PORT" | tar xf - -C "$DST"`,
		`tar cf - -C "$PARENT" "$NAME" | nc -N "$ADDRESS" "$PORT"`)
}
