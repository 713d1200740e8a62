package main

import "github.com/rogpeppe/go-internal/testscript"

func typing(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("no terminal can be made here") }
