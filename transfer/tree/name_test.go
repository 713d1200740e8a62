package tree

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ferry/transfer/tree/treetest"
)

func TestCheckName(t *testing.T) {
	good := []string{
		"a", "...", "..a", " ", "-rf", "*", "~", "a\nb", "\x1b[31m", "\xff\xfe", "ä", "😀", ".ferry", ".ferry-partial2", ".ferry-partial_1", ".ferry-partials",
		"ferry-partial", ".ferry-partia", ".ferry\u00ad", "\u00ad", ".ferry-partial.txt", strings.Repeat("x", MaxName), strings.Repeat("é", 127),
	}
	if runtime.GOOS == "windows" {
		good = []string{"a", "..a", "ä", "😀", strings.Repeat("x", MaxName)}
	}
	for _, name := range good {
		if err := CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	bad := []string{
		"", ".", "..", "/", "/abs", "a/b", "a/", "a/../../x", "a//b", "./a", "\x00", "a\x00b",
		strings.Repeat("x", MaxName+1), strings.Repeat("é", 128),
		".ferry-partial", ".Ferry-Partial", ".FERRY-PARTIAL", ".ferry\u200c-partial", "\ufeff.ferry-partial",
		".ferry-partial-", ".ferry-partial-0", ".ferry-partial-1000", ".Ferry-PARTIAL-1000", ".ferry-partial-x y", ".ferry-partial-\xff",
		".ferry-partial.", ".ferry-partial. .", ".ferry\u00ad-partial", ".ferry-part\u0131al", "\uff0eferry\uff0dpartial", "\u2024ferry-partial", "\uff0e\uff26erry-partial-1", ".ferry-partial\u00a0", ".ferry-partial\u200d-1000", "\U000e0001.ferry-partial-1",
	}
	for _, name := range bad {
		if err := CheckName(name); !errors.Is(err, ErrName) || strings.Contains(err.Error(), "refused") {
			t.Errorf("CheckName(%q) = %v", name, err) // who shows it says that the name is refused
		}
	}
	if err := CheckName(PartialName); !errors.Is(err, ErrOwnState) {
		t.Errorf("the state folder is refused as %v", err)
	}
}

func TestCheckWindowsName(t *testing.T) {
	for _, name := range []string{"a", "a.b", "console", "com", "com10", "COMx", "lpt", "nullable.txt", ".a", "a b", "ä"} {
		if err := checkWindowsName(name); err != nil {
			t.Errorf("checkWindowsName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{
		"con", "CON", "nul.txt", "NUL .txt", "aux.a.b", "COM1", "com¹", "lpt9.x", "CONIN$",
		`\`, `a\b`, `C:\x`, `\\?\`, "a:b", "C:", "x.", "x ", "...", "a\n", "\x1f", "\xff", "a?", "a*", "<", `"`, "ferry-~1", "FERRY-~1",
	} {
		if err := checkWindowsName(name); !errors.Is(err, ErrName) || strings.Contains(err.Error(), "refused") {
			t.Errorf("checkWindowsName(%q) = %v", name, err)
		}
	}
}

// FuzzCheckName asks the file system: a name is good if making it in an empty
// folder makes exactly that one.
func FuzzCheckName(f *testing.F) {
	if runtime.GOOS != "linux" {
		f.Skip("the oracle is a file system that takes all bytes")
	}
	for _, s := range []string{"a", "", ".", "..", "a/", "a/b", "/a", "\x00", "\xff", "a\nb", ".ferry-partial", ".FERRY-partial",
		strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 1000 {
			return
		}
		want := false
		// Joined as text, so that the kernel sees the name as it is.
		if err := os.Mkdir(dir+"/"+name, 0o700); err == nil {
			names, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				want = n.Name() == name
				if err := os.Remove(filepath.Join(dir, n.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
		if strings.EqualFold(name, PartialName) || len(name) > len(PartialName) && strings.EqualFold(name[:len(PartialName)+1], PartialName+"-") {
			want = false
		}
		err := CheckName(name)
		if want && errors.Is(err, ErrOwnState) && strings.ContainsFunc(name, func(r rune) bool { return r == '.' || r == ' ' || isIgnorable(r) }) {
			return // another file system takes it for the name of a state folder
		}
		if (err == nil) != want {
			t.Errorf("CheckName(%q) = %v, the file system takes it: %v", name, err, want)
		}
	})
}

func TestBaseName(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "here")
	if err := os.MkdirAll(filepath.Join(dir, "in", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	cases := map[string]string{
		"in": "in", "in/": "in", "in//": "in", "./in": "in", "in/.": "in", "in/deep/..": "in", "in/./": "in",
		".": "here", "./": "here", "..": filepath.Base(top), "../": filepath.Base(top), "in/..": "here",
		dir: "here", dir + "/": "here", "not there": "not there",
	}
	if treetest.Has(t, treetest.AnyName) {
		cases["a\nb"] = "a\nb"
	}
	if treetest.Symlink(t, "in/deep", "link") {
		cases["link"] = "link"
		cases["link/"] = "link"
		cases["link/.."] = "in" // where the kernel goes, not where the text says
	}
	for path, want := range cases {
		got, err := BaseName(path)
		if err != nil || got != want {
			t.Errorf("BaseName(%q) = %q, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"", "/", "//", "/.", "/..", PartialName, "in/" + PartialName, "not there/.."} {
		if got, err := BaseName(path); err == nil {
			t.Errorf("BaseName(%q) = %q", path, got)
		}
	}
}
