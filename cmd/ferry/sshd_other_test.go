//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

func sshdProgram() string { return "" }

func startSSHD(ts *testscript.TestScript, neg bool, args []string) {
	ts.Fatalf("there is no sshd here")
}
