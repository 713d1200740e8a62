package main

import (
	"strings"
	"testing"
)

// The linker's word goes before the go command's, and that before an archive's.
func TestVersionFrom(t *testing.T) {
	const (
		commit = "0123456789abcdef0123456789abcdef01234567 1700000000"
		mark   = "20231114221320-0123456789ab"
	)
	for _, c := range []struct{ linked, noted, archived, want string }{
		{"v1.2.3", "v0.0.1", commit + " v9.9.9", "v1.2.3"},
		{"", "v1.2.3", commit + " v9.9.9", "v1.2.3"},
		{"", "v0.0.0-" + mark + "+dirty", "", "v0.0.0-" + mark + "+dirty"},
		{"", "(devel)", commit + " v1.2.3\n", "v1.2.3"},
		{"", "(devel)", commit + " v1.2.3-rc.1\n", "v1.2.3-rc.1"},
		{"", "(devel)", commit + " v1.2.3-14-g0123456\n", "v1.2.4-0." + mark},
		{"", "(devel)", commit + " v1.2.3-rc.1-14-g0123456\n", "v1.2.3-rc.1.0." + mark},
		{"", "(devel)", commit + " v2026\n", "v0.0.0-" + mark},
		{"", "(devel)", commit + " v1.2.99999999999-1-g0123456\n", "v0.0.0-" + mark},
		{"", "", commit + " \n", "v0.0.0-" + mark},
		// A git of before 2.32 does not know how to describe.
		{"", "", commit + " %(describe:tags=true,match=v[0-9]*)\n", "v0.0.0-" + mark},
		{"", "(devel)", "$Format:%H %ct %(describe:tags=true,match=v[0-9]*)$\n", noVersion},
		{"", "", "", noVersion},
		{"", "", "0123456789abcdef then\n", noVersion},
	} {
		if got := versionFrom(c.linked, c.noted, c.archived); got != c.want {
			t.Errorf("linked %q, noted %q, archived %q: %q, want %q", c.linked, c.noted, c.archived, got, c.want)
		}
	}
}

// What git archive is to replace is there, on a line of its own.
func TestArchivedCommit(t *testing.T) {
	if commitVersion(archivedCommit) == "" && !(strings.HasPrefix(archivedCommit, "$Format:%H %ct ") && strings.HasSuffix(archivedCommit, "$\n")) {
		t.Errorf("git archive cannot replace %q", archivedCommit)
	}
}
