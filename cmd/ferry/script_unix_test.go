//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// interruptible prepares a command for interrupt.
func interruptible(*exec.Cmd) {}

// hasConsole reports whether interrupt can be used.
func hasConsole() bool { return true }

// interrupt sends a signal to a command.
func interrupt(cmd *exec.Cmd, sig syscall.Signal) error { return cmd.Process.Signal(sig) }
