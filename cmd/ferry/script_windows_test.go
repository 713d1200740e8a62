package main

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/windows"

	"ferry/transfer/tree/treetest"
)

func typing(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("no terminal can be made here") }

// interruptible gives a command a process group of its own, which interrupt can be for.
func interruptible(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// hasConsole reports whether interrupt can be used: a process has a console, or none. Wine
// takes the event, and it never comes.
func hasConsole() bool {
	if treetest.Wine() {
		return false
	}
	page, err := windows.GetConsoleCP()
	return err == nil && page != 0
}

// interrupt is Ctrl-Break: Ctrl-C is for all of a console, and a new group ignores it.
func interrupt(cmd *exec.Cmd, sig syscall.Signal) error {
	if sig != syscall.SIGINT {
		return errors.New("no such signal can be sent on Windows")
	}
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid))
}
