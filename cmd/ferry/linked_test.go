package main

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// needsGo skips a test about the source where it is compiled on another system than it runs.
func needsGo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil && runtime.GOOS == "windows" {
		t.Skip("Windows: no go command is here, and the source is the same on all systems")
	}
}

// What is linked can be attacked and has to be kept up to date: the program has no
// Markdown parser, though the library of its flags asks for one.
func TestNoMarkdownParserIsLinked(t *testing.T) {
	needsGo(t)
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages are linked: %q", len(deps), deps)
	}
	for _, d := range deps {
		for _, parser := range []string{"blackfriday", "goldmark", "gomarkdown", "commonmark"} {
			if strings.Contains(d, parser) {
				t.Errorf("%s is linked", d)
			}
		}
	}
}
