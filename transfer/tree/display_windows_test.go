package tree

import (
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/filter"
)

// Paths are shown with the separators that the user typed, and rules know slashes alone.
func TestDisplay(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	mkdir(t, "d", "sub")
	file(t, "1", "d", "sub", "g")
	file(t, "2", "d", "sub", "left.o")
	file(t, "3", "d", "left")
	rule, err := filter.Exclude("sub/*.o")
	if err != nil {
		t.Fatal(err)
	}
	slashes := filepath.ToSlash(top)
	drive := filepath.VolumeName(top)
	for path, want := range map[string]string{
		"d":                     "d d/left d/sub d/sub/g",
		`.\d`:                   `.\d .\d\left .\d\sub .\d\sub\g`,
		`d\`:                    `d\ d\left d\sub d\sub\g`,
		`d/`:                    `d/ d/left d/sub d/sub/g`,
		`./d\`:                  `./d\ ./d\left ./d\sub ./d\sub\g`,
		top + `\d`:              strings.ReplaceAll(`T\d T\d\left T\d\sub T\d\sub\g`, "T", top),
		slashes + `/d`:          strings.ReplaceAll(`T/d T/d/left T/d/sub T/d/sub/g`, "T", slashes),
		`\\?\` + top + `\d`:     strings.ReplaceAll(`\\?\T\d \\?\T\d\left \\?\T\d\sub \\?\T\d\sub\g`, "T", top),
		drive + "d":             strings.ReplaceAll(`Cd Cd/left Cd/sub Cd/sub/g`, "C", drive),
		top[len(drive):] + `\d`: strings.ReplaceAll(`T\d T\d\left T\d\sub T\d\sub\g`, "T", top[len(drive):]),
	} {
		list, err := filter.New([]filter.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		items, problems := walk(t, Walk{Sources: []Source{{Path: path, Contents: true}}, Select: Selection{Rules: RulesOf(list)}})
		same(t, "problems", problems, nil)
		var shown []string
		for _, it := range items {
			if it.Kind != FolderEnd {
				shown = append(shown, it.Display)
			}
		}
		if got := strings.Join(shown, " "); got != want {
			t.Errorf("%s is shown as\n     %s\nwant %s", path, got, want)
		}
	}
	t.Chdir("d")
	items, problems := walk(t, Walk{Sources: []Source{{Path: drive, Contents: true}}})
	if len(problems) > 0 || len(items) < 2 || items[1].Display != drive+"left" {
		t.Errorf("in the current folder of %s there are %d items, and %q", drive, len(items), problems)
	}
	if name, err := BaseName(drive); err != nil || name != "d" {
		t.Errorf("%s is called %q, %v", drive, name, err)
	}
}

// What a list names and is not there is shown as it would be typed behind the source.
func TestDisplayListed(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "d")
	list, err := ReadList(strings.NewReader("a/b\nc\\d\n"), "list", false)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{`.\d`: `.\d\a\b .\d\c\d`, "d": "d/a/b d/c/d"} {
		_, problems := walk(t, Walk{Sources: []Source{{Path: path, Contents: true}}, Select: Selection{List: list}})
		for i, p := range problems {
			problems[i], _, _ = strings.Cut(p, ": ")
		}
		if got := strings.Join(problems, " "); got != want {
			t.Errorf("below %s: %s, want %s", path, got, want)
		}
	}
}
