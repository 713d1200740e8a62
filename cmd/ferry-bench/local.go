package main

import (
	"context"
	"os/exec"
)

// localCopy is cp: what the file system alone takes.
type localCopy struct{}

func (*localCopy) name() string { return "cp" }

func (*localCopy) prepare(context.Context, string) error {
	_, err := exec.LookPath("cp")
	return err
}

func (*localCopy) run(t *trial) error {
	if !t.net.local() {
		return errLocalOnly
	}
	// -u would leave an interrupted file as it is.
	return t.send(t.near("cp", "-R", "-p", t.src, t.dst+"/"))
}
