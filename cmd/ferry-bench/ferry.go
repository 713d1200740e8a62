package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

const (
	ferryCopyName = "ferry-copy"
	ferryPairName = "ferry-send"
)

// buildFerry builds the program of this checkout in state.
func buildFerry(ctx context.Context, state string) (string, error) {
	path := filepath.Join(state, "ferry")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	return path, runProcess(exec.CommandContext(ctx, "go", "build", "-o", path, "ferry/cmd/ferry"))
}

// ferryCopy is `ferry copy`: both sides in one process, so that its figures are
// those of both together.
type ferryCopy struct{ program string }

func (*ferryCopy) name() string { return ferryCopyName }

func (f *ferryCopy) prepare(ctx context.Context, state string) (err error) {
	f.program, err = buildFerry(ctx, state)
	return err
}

func (f *ferryCopy) run(t *trial) error {
	if !t.net.local() {
		return errLocalOnly
	}
	return t.send(t.near(f.program, "copy", "--quiet", t.src, t.dst))
}

// ferryPair is `ferry send` and `ferry receive`, as between two machines.
type ferryPair struct {
	program string
	env     []string
}

func (*ferryPair) name() string { return ferryPairName }

func (f *ferryPair) prepare(ctx context.Context, state string) (err error) {
	f.env = append(os.Environ(), "FERRY_CODE=1-"+rand.Text())
	f.program, err = buildFerry(ctx, state)
	return err
}

func (f *ferryPair) run(t *trial) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	address := t.net.address + ":" + port
	receive := t.far(f.program, "receive", "--quiet", "--yes", "--listen", address, "--out", t.dst)
	send := t.near(f.program, "send", "--quiet", "--to", address, t.src)
	receive.Env, send.Env = f.env, f.env
	if err := t.receiver(receive, port); err != nil {
		return err
	}
	return t.send(send)
}
