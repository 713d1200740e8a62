package main

import (
	"maps"
	"slices"
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
	"readme":     ruleReadme,
}

// fault is one breach of a rule.
type fault struct {
	key  string // names what offends
	what string
}

// TestHouse holds the rules.
func TestHouse(t *testing.T) {
	t.Parallel()
	needsGo(t)
	h := readHouse(t)
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, f := range rules[name](h) {
			t.Errorf("%s %s | %s", name, f.key, f.what)
		}
	}
}
