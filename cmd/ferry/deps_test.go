package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the prefix of our own packages, top the folder they are in.
const (
	module = "ferry/"
	top    = "../.."
)

// allowed says which of our packages each may import, so that bytes, digests and
// names stay usable without the rest, and that nothing below cmd prints.
var allowed = map[string][]string{
	"framing":          {},
	"checksum":         {},
	"transfer/tree":    {},
	"transfer/link":    {"framing"},
	"transfer/storage": {"transfer/tree", "checksum"},
	"transfer/dest":    {"transfer/storage", "transfer/tree", "checksum"},
	"transfer":         {"transfer/storage", "transfer/link", "transfer/dest", "transfer/tree", "framing", "checksum"},
	// cmd names codes, kinds and digests that cross its API; it opens no destination itself.
	"cmd/ferry":         {"cmd/ferry/confine", "transfer", "transfer/storage", "transfer/link", "transfer/tree", "checksum", "framing"},
	"cmd/ferry/confine": {},
	// The benchmark runs programs as a user would, and hashes to know the limit.
	"cmd/ferry-bench": {"checksum"},
	// The same, for programs that fail.
	"cmd/ferry/faults": {},
}

// owners says which one package imports each third-party module, so that each
// can be replaced in one place. x/sys is the system's own interface.
var owners = map[string][]string{
	"filippo.io/edwards25519":             {"transfer/link"},
	"github.com/sethvargo/go-diceware":    {"transfer/link"},
	"github.com/klauspost/compress":       {"transfer"},
	"github.com/landlock-lsm/go-landlock": {"cmd/ferry/confine"},
	"github.com/zeebo/blake3":             {"checksum"},
	"lukechampine.com/blake3":             {"checksum"},
	"golang.org/x/sync":                   {"transfer"},
	"golang.org/x/sys":                    {"checksum", "transfer/tree", "transfer/dest", "transfer/link", "cmd/ferry"},
	"golang.org/x/term":                   {"cmd/ferry"},
	"golang.org/x/text":                   {"transfer/tree"},
	"github.com/rivo/uniseg":              {"cmd/ferry"},
	"github.com/schollz/progressbar":      {"cmd/ferry"},
	"github.com/urfave/cli":               {"cmd/ferry"},
}

func TestImports(t *testing.T) {
	seen := make(map[string]bool)
	used := make(map[string]bool)
	for file, imports := range sourceFiles(t) {
		pkg := path.Dir(file)
		may, known := allowed[pkg]
		if !known {
			t.Errorf("%s is in a package that the rules do not name", file)
			continue
		}
		seen[pkg] = true
		test := strings.HasSuffix(file, "_test.go")
		for _, imp := range imports {
			own, isOwn := strings.CutPrefix(imp, module)
			first, _, _ := strings.Cut(imp, "/")
			switch {
			case isOwn:
				if own != pkg && !test && !slices.Contains(may, own) {
					t.Errorf("%s imports %s, which %s may not", file, imp, pkg)
				}
			case strings.Contains(first, "."):
				if test {
					continue // an oracle may come from anywhere
				}
				owned := false
				for m, who := range owners {
					if inModule(imp, m) {
						owned, used[m] = true, true
						if !slices.Contains(who, pkg) {
							t.Errorf("%s imports %s, which belongs to %v", file, imp, who)
						}
					}
				}
				if !owned {
					t.Errorf("%s imports %s, which no package owns", file, imp)
				}
			case !test && !strings.HasPrefix(pkg, "cmd/") && (imp == "log" || imp == "flag" || imp == "os/signal"):
				t.Errorf("%s imports %s: only cmd prints, parses flags and takes signals", file, imp)
			}
		}
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the rules name %s, which has no source", pkg)
		}
	}
	for m := range owners {
		if !used[m] {
			t.Errorf("the rules name %s, which nothing imports", m)
		}
	}
}

func inModule(imp, mod string) bool { return imp == mod || strings.HasPrefix(imp, mod+"/") }

// sourceFiles maps each Go file, by its path from the top, to what it imports.
func sourceFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := make(map[string][]string)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != top {
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own, with its own dependencies
			}
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports := []string{}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, name)
		}
		files[filepath.ToSlash(rel)] = imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d source files were found", len(files))
	}
	return files
}

// The top level is fixed.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cmd", "transfer", "framing", "checksum", "testdata", "go.mod", "go.sum"}
	may := append([]string{"README.md", "LICENSE", "ferry", "ferry.exe"}, want...)
	found := make(map[string]bool)
	for _, e := range entries {
		found[e.Name()] = true
		if !slices.Contains(may, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
	for _, name := range want {
		if !found[name] {
			t.Errorf("%s is missing at the top", name)
		}
	}
}
