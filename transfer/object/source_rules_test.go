package object

import (
	"testing"

	"ferry/transfer/filter"
)

// rulesFor makes rules of patterns that exclude.
func rulesFor(t *testing.T, patterns ...string) *filter.List {
	t.Helper()
	var rules []filter.Rule
	for _, p := range patterns {
		r, err := filter.Exclude(p)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	l, err := filter.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
