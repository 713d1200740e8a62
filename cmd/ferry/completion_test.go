package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestComplete(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"se", "send selftest serve"},
		{"-", "--help --version"},
		{"send --comp", "--compress"},
		{"send --compress ", "auto never zstd"},
		{"send --compress n", "never"},
		{"send --compress=z", "--compress=zstd"},
		{"send --compress = z", "--compress=zstd"}, // as bash splits it
		{"send --compress =", "--compress=auto --compress=never --compress=zstd"},
		{"receive a --on-conflict o", "overwrite"},
		{"receive --links safe --link", ""}, // it is there already
		{"send --exclude x --exclud", "--exclude --exclude-from"},
		{"send --help --", "--all"},
		{"send -h --a", "--all"},
		{"send pa", "files"},
		{"send -- --comp", "files"},
		{"send -", "flags"},
		{"send --code-file ", "files"},
		{"send --code-file=", "files"},
		{"send --name ", ""},
		{"receive ", ""},
		{"receive -o ", "files"},
		{"receive --out=x", "files"},
		{"receive -o s3://", ""},
		{"receive --out=s3://b", ""},
		{"copy s3://bucket/p", ""},
		{"verify ", "files"},
		{"help ex", "exit"},
		{"help sen", "send"},
		{"--help rece", "receive"},
		{"help exit ", ""},
		{"completion z", "zsh"},
		{"completion zsh ", ""},
		{"version ", ""},
		{"unknown --", ""},
		{"send --unknown=", ""},
		{"send --dry-run=", ""},
	} {
		words := strings.Split(c.line, " ")
		last := len(words) - 1
		a := complete(newApp(&Env{}), words[:last], words[last])
		var got []string
		if a.files {
			got = append(got, "files")
		}
		for _, w := range a.words {
			got = append(got, w.line)
		}
		if c.want == "flags" {
			if len(got) < 10 || !slices.Contains(got, "--help") || !slices.Contains(got, "--verbose") {
				t.Errorf("%q completes to %q, and not to the flags", c.line, got)
			}
			continue
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

// What completion offers as a value is a value: it stands in the help or manual of the
// flag too.
func TestOfferedValuesAreExplained(t *testing.T) {
	for _, cmd := range newApp(&Env{}).Commands {
		for _, f := range cmd.Flags {
			o := optionOf(f)
			if o.values != nil && !o.TakesValue() {
				t.Errorf("%s --%s has values to offer, and takes none", cmd.Name, o.Names()[0])
			}
			if _, free := o.DocGenerationFlag.(*cli.StringFlag); !free || slices.Contains(o.values, "1") {
				continue // numbers and times are explained by their kind
			}
			for _, v := range o.values {
				if !strings.Contains(o.summary()+o.further, v) {
					t.Errorf("%s --%s offers %q, which its help does not explain", cmd.Name, o.Names()[0], v)
				}
			}
		}
	}
}

// Each script calls the program for each word, and so knows no flag by itself.
func TestCompletionScripts(t *testing.T) {
	for shell, end := range shells {
		script, err := completionScripts.ReadFile("completion/ferry." + end)
		if err != nil {
			t.Fatal(err)
		}
		text := string(script)
		if !strings.Contains(text, completeCommand) || !strings.Contains(text, "ferry completion "+shell) {
			t.Errorf("the script for %s does not call %s, or does not say how it is used", shell, completeCommand)
		}
		if strings.Contains(text, "compress") || strings.Contains(text, "receive") {
			t.Errorf("the script for %s has words of its own", shell)
		}
		if open, closed := strings.Count(text, "{"), strings.Count(text, "}"); open != closed {
			t.Errorf("the script for %s has %d { and %d }", shell, open, closed)
		}
	}
}
