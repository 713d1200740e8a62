package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What is linked can be attacked and has to be kept up to date: the program has no
// Markdown parser, though the library of its flags asks for one.
func TestNoMarkdownParserIsLinked(t *testing.T) {
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
