package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rules are what keeps the source readable. Each has its own function, which says
// what it looks at.
var rules = map[string]func(*house) []fault{
	"fields":     ruleFields,
	"spread":     ruleSpread,
	"function":   ruleFunctions,
	"file":       ruleFileSizes,
	"interface":  ruleInterfaces,
	"package":    ruleNames,
	"init":       ruleInit,
	"variable":   ruleVariables,
	"doc":        rulePackageComments,
	"documented": ruleDocumented,
	"unused":     ruleUsed,
	"callback":   ruleCallbacks,
	"sentence":   ruleSentences,
}

// fault is one breach of a rule.
type fault struct {
	key  string // names what offends, wherever it lies
	what string
}

// knownFile lists the breaches that are still to be mended, a rule and a key on
// each line.
var knownFile = filepath.Join("testdata", "house-known.txt")

var shrink = flag.Bool("house.shrink", false, "take what no longer offends off the list of known breaches")

// TestHouse holds the rules. A breach that is on the list of known ones passes;
// one that is on it and is mended fails, so that the list can only shrink:
// go test ./cmd/ferry -run TestHouse -house.shrink takes it off.
func TestHouse(t *testing.T) {
	text, err := os.ReadFile(knownFile)
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		left[strings.TrimSuffix(line, "\n")] = true
	}
	h := readHouse(t)
	found := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, f := range rules[name](h) {
			line := name + " " + f.key
			found[line] = true
			if !left[line] {
				t.Errorf("%s | %s", line, f.what)
			}
		}
	}
	var still bytes.Buffer
	for _, line := range slices.Sorted(maps.Keys(left)) {
		switch {
		case found[line]:
			fmt.Fprintln(&still, line)
		case !*shrink:
			t.Errorf("%s is mended: take it off %s with -house.shrink", line, knownFile)
		}
	}
	if *shrink {
		if err := os.WriteFile(knownFile, still.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
