package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// buildFerry builds the program of this checkout in state.
func buildFerry(ctx context.Context, state string) (string, error) {
	path := filepath.Join(state, "ferry")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	_, err := runProcess(exec.CommandContext(ctx, "go", "build", "-o", path, "ferry/cmd/ferry"))
	return path, err
}

// ferryCopy is `ferry copy`: both sides in one process, so that its peak is that
// of both together.
type ferryCopy struct{ program string }

func (*ferryCopy) name() string { return reference }

func (f *ferryCopy) start(ctx context.Context, state string) (err error) {
	f.program, err = buildFerry(ctx, state)
	return err
}

func (f *ferryCopy) run(ctx context.Context, src, dst string) (int64, error) {
	return runProcess(exec.CommandContext(ctx, f.program, "copy", "--quiet", src, dst))
}

func (*ferryCopy) stop() error { return nil }

// ferryPair is `ferry send` and `ferry receive`, as between two machines.
type ferryPair struct {
	program string
	env     []string
}

func (*ferryPair) name() string { return "ferry-send" }

func (f *ferryPair) start(ctx context.Context, state string) (err error) {
	f.env = append(os.Environ(), "FERRY_CODE=1-"+rand.Text())
	f.program, err = buildFerry(ctx, state)
	return err
}

func (f *ferryPair) run(ctx context.Context, src, dst string) (int64, error) {
	host, port, err := freeAddress()
	if err != nil {
		return 0, err
	}
	// A side that fails takes the other along.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		peak int64
		err  error
	}
	side := func(args ...string) result {
		cmd := exec.CommandContext(ctx, f.program, args...)
		cmd.Env = f.env
		peak, err := runProcess(cmd)
		if err != nil {
			cancel()
		}
		return result{peak, err}
	}
	received := make(chan result, 1)
	go func() {
		received <- side("receive", "--quiet", "--yes", "--listen", host+":"+port, "--out", dst)
	}()
	s := side("send", "--quiet", "--to", host+":"+port, src)
	r := <-received
	return max(s.peak, r.peak), errors.Join(s.err, r.err)
}

func (*ferryPair) stop() error { return nil }
