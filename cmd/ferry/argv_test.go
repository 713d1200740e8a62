package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestArrange(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"send a b", "send -- a b"},
		{"send a -v b --json", "send -v --json -- a b"},
		{"send a --to h:1 b", "send --to h:1 -- a b"},
		{"send a --to=h:1 b", "send --to=h:1 -- a b"},
		{"send - --name -", "send --name - -- -"},
		{"receive --out - -y", "receive --out - -y --"},
		{"receive --code-file -", "receive --code-file - --"},
		{"send -v -- -v --json --", "send -v -- -v --json --"},
		{"send --name --to -", "send --name --to -- -"}, // a value may look like a flag
		{"copy a --help b", "help -- copy"},
		{"copy a --help b --all", "help --all -- copy"},
		{"copy --all -h", "help --all -- copy"},
		{"", ""},
		{"--help", ""},
		{"send a -qv b", "send -q -v -- a b"},
		{"send help", "send -- help"},
		{"send h", "send -- h"},
		{"--version", "version --"},
		{"-V", "version --"},
		{"-h", ""},
		{"-h send", "help -- send"},
		{"--help --all", "help --all --"},
	} {
		got, err := arrange(newApp(&Env{}), append([]string{"ferry"}, strings.Fields(c.in)...))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if line := strings.Join(got[1:], " "); line != c.want {
			t.Errorf("%s becomes %q, want %q", c.in, line, c.want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"sned":                "unknown command sned; did you mean send?",
		"wxyz":                "unknown command wxyz",
		"h":                   "unknown command h",
		"--frob":              "a command comes first: ferry COMMAND --frob",
		"exit":                "unknown command exit; ferry help exit explains that topic",
		"send a --all":        "unknown flag --all; did you mean --allow-changed?",
		"send a --fllow":      "unknown flag --fllow; did you mean --follow?",
		"send a --manifset=x": "unknown flag --manifset; did you mean --manifest?",
		"send -x a":           "unknown flag -x",
		"send -qx a":          "unknown flag -qx",
		"receive -oinbox":     "unknown flag -oinbox; did you mean -o inbox?",
		"send --qqq":          "unknown flag --qqq",
		"send a --to":         "--to needs a value",
		"receive --out":       "--out needs a value",
		"copy --exclud=x a b": "unknown flag --exclud; did you mean --exclude?",
		"checksum --verbose":  "unknown flag --verbose",
		"copy --to host a b":  "unknown flag --to",
	} {
		_, err := arrange(newApp(&Env{}), append([]string{"ferry"}, strings.Fields(in)...))
		var usage *usageError
		if !errors.As(err, &usage) || usage.text != want {
			t.Errorf("%q gives %v, want %q", in, err, want)
		}
	}
}

// A second value must not take the place of the first in silence. The loop covers
// each flag of each command, those of tomorrow too.
func TestArrangeRefusesASecondValue(t *testing.T) {
	many := []string{"exclude", "include", "exclude-from"}
	for _, cmd := range newApp(&Env{}).Commands {
		for _, f := range cmd.Flags {
			flag := f.(cli.DocGenerationFlag)
			name := flag.Names()[0]
			for _, alias := range flag.Names() {
				dashes := "--"
				if len(alias) == 1 {
					dashes = "-"
				}
				line := []string{"ferry", cmd.Name, "--" + name, "1", "path", dashes + alias + "=2"}
				if !flag.TakesValue() {
					line = []string{"ferry", cmd.Name, "--" + name, "path", dashes + alias + "=false"}
				}
				_, err := arrange(newApp(&Env{}), line)
				want := "--" + name + " is given twice, and takes one value"
				if slices.Contains(many, name) {
					want = ""
				}
				var usage *usageError
				if got := errors.As(err, &usage); got != (want != "") || got && usage.text != want {
					t.Errorf("%q gives %v, want %q", line, err, want)
				}
				after := []string{"ferry", cmd.Name, dashes + alias + "=1", "--", "--" + name + "=2"}
				if _, err := arrange(newApp(&Env{}), after); err != nil {
					t.Errorf("%q gives %v: what follows -- is a path", after, err)
				}
				if flag.TakesValue() {
					continue
				}
				if _, err := arrange(newApp(&Env{}), []string{"ferry", cmd.Name, "--" + name, dashes + alias}); err != nil {
					t.Errorf("--%s %s%s gives %v: a switch may be repeated", name, dashes, alias, err)
				}
			}
		}
	}
}

// An empty value is one that got lost, and no word for the default.
func TestArrangeRefusesAnEmptyValue(t *testing.T) {
	for _, cmd := range newApp(&Env{}).Commands {
		for _, f := range cmd.Flags {
			flag := f.(cli.DocGenerationFlag)
			if !flag.TakesValue() {
				continue
			}
			name := flag.Names()[0]
			for _, line := range [][]string{
				{"ferry", cmd.Name, "--" + name, "", "path"},
				{"ferry", cmd.Name, "path", "--" + name + "="},
			} {
				_, err := arrange(newApp(&Env{}), line)
				var usage *usageError
				if want := "--" + name + " needs a value, and not an empty one"; !errors.As(err, &usage) || usage.text != want {
					t.Errorf("%q gives %v, want %q", line, err, want)
				}
			}
		}
	}
}

// The contract of this version: these flags, and no others.
func TestFlags(t *testing.T) {
	want := map[string]string{
		"send":     "host-key receivers until remove-source text find relay relay-token proxy to listen wait code-file weak-code dry-run n allow-changed checksum follow exclude include exclude-from ferryignore files-from from0 max-size min-size one-file-system name timeout retry-for s3-endpoint streams json manifest progress quiet q verbose v archive a owner xattrs hard-links devices strict numeric-ids compress bwlimit",
		"receive":  "host-key answers backup backup-dir suffix update u chmod find relay relay-token proxy from out o listen wait code-file weak-code yes y max-items max-bytes on-conflict names links no-sync verify-disk manifest timeout retry-for s3-endpoint streams json progress quiet q verbose v archive a owner xattrs hard-links devices perms xattrs-all strict compress bwlimit",
		"copy":     "host-key remove-source backup backup-dir suffix update u chmod on-conflict names links delete delete-all max-delete dry-run n allow-changed checksum follow exclude include exclude-from ferryignore files-from from0 max-size min-size one-file-system no-sync verify-disk manifest json progress quiet q verbose v archive a owner xattrs hard-links devices strict numeric-ids compress bwlimit ssh remote-command push find proxy timeout retry-for s3-endpoint streams",
		"checksum": "check c dir C extra manifest json progress quiet q",
		"verify":   "dir C extra json progress quiet q",
		"selftest": "dir json quiet q",
		"relay":    "behind-proxy drain json listen max-bytes max-link-rate max-links max-per-source max-rate max-rooms metrics q quiet tls-cert tls-key token-file",
		"serve":    "authorized-keys code-file drain host-key json listen max-links memory metrics metrics-public no-sync q quiet retry-for root s3-endpoint timeout verify-disk",
		"help":     "all",
		"version":  "", "man": "", "completion": "", completeCommand: "",
	}
	for _, c := range newApp(&Env{}).Commands {
		names := []string{}
		for _, f := range c.Flags {
			names = append(names, f.Names()...)
		}
		expected := strings.Fields(want[c.Name])
		slices.Sort(names)
		slices.Sort(expected)
		if !slices.Equal(names, expected) {
			t.Errorf("%s has the flags %v, want %v", c.Name, names, expected)
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("commands are missing: %v", want)
	}
}
