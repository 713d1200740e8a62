package filter

import (
	"fmt"
	"testing"
)

// benchRules returns n rules of a kind, none of which is about most paths.
func benchRules(t testing.TB, kind string, n int) []Rule {
	t.Helper()
	formats := map[string]string{
		"names":    "name%d",
		"suffixes": "*.ext%d",
		"paths":    "/some/folder%d/file",
		"prefixes": "/some/folder%d/*.o",
		"starts":   "tmp%d-*",
		"inner":    "*inner%d*",
	}
	kinds := []string{kind}
	if kind == "mixed" { // as people write them: few need a scan
		kinds = []string{"names", "suffixes", "names", "paths", "suffixes", "names", "prefixes", "names", "starts", "suffixes"}
	}
	var rules []Rule
	for i := range n {
		rules = append(rules, flagRules(t, "-"+fmt.Sprintf(formats[kinds[i%len(kinds)]], i))...)
	}
	return rules
}

func benchPaths(n int) []string {
	var paths []string
	for i := range n {
		switch i % 100 {
		case 7:
			paths = append(paths, fmt.Sprintf("src/d/name%d", i))
		case 21:
			paths = append(paths, fmt.Sprintf("src/d/file.ext%d", i))
		default:
			paths = append(paths, fmt.Sprintf("src/module%d/internal/part%d/file%d.go", i%37, i%11, i))
		}
	}
	return paths
}

// BenchmarkMatch: one path against a thousand rules.
func BenchmarkMatch(b *testing.B) {
	paths := benchPaths(10_000)
	for _, kind := range []string{"names", "suffixes", "paths", "prefixes", "starts", "inner", "mixed"} {
		b.Run(kind, func(b *testing.B) {
			f := newList(b, benchRules(b, kind, 1000))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f.Match(paths[i%len(paths)], false)
				i++
			}
		})
	}
}

func TestAllocatesNothing(t *testing.T) {
	f := enter(t, newList(t, benchRules(t, "mixed", 100)), "src", "*.x\n**/y/*/z\n")
	paths := benchPaths(100)
	if n := testing.AllocsPerRun(10, func() {
		for _, p := range paths {
			f.Match(p, false)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d paths", n, len(paths))
	}
}
