package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
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

// ends is what either end of a delivery imports. It knows no link but by the interfaces
// of package transfer, and no destination but by those of package storage.
var ends = []string{"transfer", "transfer/storage", "transfer/tree", "framing", "checksum", "transfer/internal/delta",
	"transfer/internal/flow", "transfer/internal/wire", "transfer/internal/failure", "transfer/internal/progress", "transfer/internal/streams", "transfer/internal/compress", "transfer/internal/parcel", "transfer/internal/mirror", "transfer/internal/here"}

// allowed says which of our packages each imports, and no more, so that bytes, digests and
// names stay usable without the rest, and that nothing below cmd prints.
var allowed = map[string][]string{
	"framing":                {},
	"framing/vector":         {}, // tests import it
	"checksum":               {},
	"transfer/tree":          {},
	"transfer/filter":        {},
	"transfer/keys":          {"transfer/tree"},
	"transfer/link":          {"transfer/link/admission", "transfer/link/cpace", "transfer/link/memory", "transfer/link/record", "transfer/internal/machine", "framing"},
	"transfer/reach":         {"transfer/link", "transfer/reach/socket", "framing", "transfer/reach/lan", "transfer/reach/relayed", "transfer/reach/proxy"},
	"transfer/reach/lan":     {"transfer/reach/socket", "framing"},
	"transfer/reach/socket":  {"transfer/link"},
	"transfer/reach/proxy":   {"transfer/link"},
	"transfer/reach/relayed": {"transfer/link", "transfer/reach/socket", "transfer/relay/ws", "framing"},
	"transfer/relay":         {"transfer/relay/ws", "framing"},
	"transfer/serve": {"transfer", "transfer/send", "transfer/receive", "transfer/link", "transfer/keys", "transfer/dest", "transfer/storage", "transfer/tree",
		"transfer/internal/flow", "transfer/internal/failure", "framing", "checksum"},
	"transfer/relay/ws":       {},
	"transfer/reach/ssh":      {},
	"transfer/link/cpace":     {},
	"transfer/link/memory":    {},
	"transfer/link/admission": {"framing"},
	"transfer/link/record":    {},
	"transfer/storage":        {"transfer/tree", "checksum"},
	// Tests import these four.
	"transfer/reach/socket/sockettest": {},
	"transfer/tree/treetest":           {},
	"transfer/storage/memory":          {"transfer/storage", "transfer/tree", "checksum"},
	"transfer/storage/storagetest":     {"transfer/storage", "transfer/tree", "checksum"},
	"transfer/dest":                    {"transfer/storage", "transfer/tree", "checksum"},
	"transfer/object":                  {"transfer/object/bucket", "transfer/storage", "transfer/internal/flow", "transfer/tree", "checksum"},
	// The client of an object store, and the stores of its tests.
	"transfer/object/bucket":     {},
	"transfer/object/objecttest": {"transfer/object/bucket", "transfer/reach/socket/sockettest"},
	"transfer/store":             {"transfer/object", "transfer/object/bucket", "transfer/storage", "transfer/tree"},
	// What both ends share has types only; the mechanisms of both are internal.
	"transfer":                   {"transfer/tree", "framing", "checksum"},
	"transfer/internal/flow":     {"transfer", "transfer/tree", "checksum"},
	"transfer/internal/wire":     {"transfer/tree", "framing"},
	"transfer/internal/failure":  {"transfer", "transfer/storage", "transfer/link", "transfer/tree", "framing"},
	"transfer/internal/progress": {"transfer", "transfer/internal/flow", "transfer/internal/failure", "transfer/tree", "framing"},
	"transfer/internal/streams":  {"transfer", "transfer/internal/flow", "transfer/link", "framing"},
	"transfer/internal/compress": {"transfer", "transfer/internal/flow", "framing", "checksum"},
	"transfer/internal/here":     {"transfer/internal/machine", "transfer/tree", "framing"},
	"transfer/internal/machine":  {},
	"transfer/internal/delta":    {"framing", "checksum"},
	"transfer/internal/mirror":   {"transfer", "transfer/internal/failure", "transfer/internal/here", "transfer/storage", "transfer/tree", "framing"},
	"transfer/internal/parcel":   {"transfer/storage", "checksum"},
	"transfer/send":              ends,
	"transfer/receive":           ends,
	"transfer/local": {"transfer", "transfer/send", "transfer/receive", "transfer/link", "transfer/dest", "transfer/storage", "transfer/tree", "framing",
		"transfer/internal/flow", "transfer/internal/failure", "transfer/internal/progress", "transfer/internal/mirror", "transfer/internal/here", "transfer/internal/parcel"},
	// Tests of whole deliveries, and what they share.
	"transfer/simulation":            {},
	"transfer/hostile":               {},
	"transfer/conform":               {},
	"transfer/internal/deliverytest": {"transfer", "transfer/send", "transfer/receive", "transfer/local", "transfer/link", "transfer/storage", "transfer/tree", "transfer/filter", "framing"},
	// cmd names codes, kinds and digests that cross its API; it opens no destination itself.
	"cmd/ferry":         {"cmd/ferry/confine", "cmd/ferry/selftest", "transfer", "transfer/send", "transfer/receive", "transfer/local", "transfer/store", "transfer/storage", "transfer/link", "transfer/reach", "transfer/reach/socket", "transfer/reach/ssh", "transfer/reach/relayed", "transfer/reach/proxy", "transfer/relay", "transfer/serve", "transfer/keys", "transfer/tree", "transfer/filter", "checksum", "framing"},
	"cmd/ferry/confine": {},
	// It starts ferry as a user would, and shares nothing with what it tries.
	"cmd/ferry/selftest": {},
	// The benchmark and the tests of faults, load and networks run programs as a user would.
	"cmd/ferry-bench":    {},
	"cmd/ferry/faults":   {},
	"cmd/ferry/load":     {},
	"cmd/ferry/networks": {},
}

// owners says which one package imports each third-party module, so that each
// can be replaced in one place. x/sys is the system's own interface.
var owners = map[string][]string{
	"filippo.io/edwards25519":             {"transfer/link/cpace"},
	"github.com/sethvargo/go-diceware":    {"transfer/link"},
	"github.com/klauspost/compress":       {"transfer/internal/compress"},
	"github.com/landlock-lsm/go-landlock": {"cmd/ferry/confine"},
	"github.com/cespare/xxhash":           {"transfer/internal/delta"},
	"github.com/zeebo/blake3":             {"checksum", "transfer/internal/deliverytest"},
	"lukechampine.com/blake3":             {"checksum"},
	"github.com/coder/websocket":          {"transfer/relay/ws"},
	"gonum.org/v1/plot":                   {"cmd/ferry-bench"},
	"golang.org/x/crypto":                 {"transfer/keys"},
	"golang.org/x/net":                    {"transfer/reach/lan", "transfer/reach/proxy"},
	"golang.org/x/sync":                   {"transfer/send", "transfer/receive"},
	"golang.org/x/sys":                    {"checksum", "transfer/tree", "transfer/dest", "transfer/link", "transfer/reach/socket", "transfer/reach/ssh", "cmd/ferry", "cmd/ferry/selftest", "cmd/ferry-bench"},
	"go.uber.org/goleak":                  {"transfer/internal/deliverytest"},
	"golang.org/x/term":                   {"cmd/ferry"},
	"golang.org/x/text":                   {"transfer/tree"},
	"golang.org/x/time":                   {"transfer/relay"},
	"github.com/VictoriaMetrics/metrics":  {"transfer/relay", "transfer/serve"},
	"github.com/pires/go-proxyproto":      {"transfer/relay"},
	"github.com/minio/minio-go":           {"transfer/object/bucket"},
	"github.com/johannesboyne/gofakes3":   {"transfer/object/objecttest"},
	"github.com/coreos/go-systemd":        {"cmd/ferry"},
	"github.com/rivo/uniseg":              {"cmd/ferry"},
	"github.com/schollz/progressbar":      {"cmd/ferry"},
	"github.com/urfave/cli":               {"cmd/ferry"},
}

func TestImports(t *testing.T) {
	files := make(map[string][]string)
	walkSource(t, func(rel, file string) error {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[rel] = []string{}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			files[rel] = append(files[rel], name)
		}
		return nil
	})
	if len(files) < 50 {
		t.Fatalf("only %d source files were found", len(files))
	}
	for _, f := range importFaults(files, allowed, owners) {
		t.Error(f)
	}
}

// importFaults looks at what each file imports, by its path from the top.
func importFaults(files, allowed, owners map[string][]string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	seen := make(map[string]bool)
	used := make(map[string]bool)
	needed := make(map[[2]string]bool) // who imports what
	for file, imports := range files {
		pkg := path.Dir(file)
		may, known := allowed[pkg]
		if !known {
			fault("%s is in a package that the rules do not name", file)
			continue
		}
		seen[pkg] = true
		test := strings.HasSuffix(file, "_test.go")
		for _, imp := range imports {
			own, isOwn := strings.CutPrefix(imp, module)
			first, _, _ := strings.Cut(imp, "/")
			switch {
			case isOwn:
				if test {
					continue
				}
				needed[[2]string{pkg, own}] = true
				if own != pkg && !slices.Contains(may, own) {
					fault("%s imports %s, which %s may not", file, imp, pkg)
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
							fault("%s imports %s, which belongs to %v", file, imp, who)
						}
					}
				}
				if !owned {
					fault("%s imports %s, which no package owns", file, imp)
				}
			case !test && !strings.HasPrefix(pkg, "cmd/") && (imp == "log" || imp == "flag" || imp == "os/signal"):
				fault("%s imports %s: only cmd prints, parses flags and takes signals", file, imp)
			}
		}
	}
	for pkg, may := range allowed {
		if !seen[pkg] {
			fault("the rules name %s, which has no source", pkg)
			continue
		}
		for _, own := range may {
			if !needed[[2]string{pkg, own}] {
				fault("%s may import %s, which it does not need", pkg, own)
			}
		}
	}
	for m := range owners {
		if !used[m] {
			fault("the rules name %s, which nothing imports", m)
		}
	}
	return faults
}

func inModule(imp, mod string) bool { return imp == mod || strings.HasPrefix(imp, mod+"/") }

// Each rule of imports notices what breaks it.
func TestImportFaults(t *testing.T) {
	rules := map[string][]string{"low": {}, "high": {"low"}, "cmd/x": {"high"}}
	third := map[string][]string{"example.com/m": {"low"}}
	sound := func() map[string][]string {
		return map[string][]string{
			"low/a.go":      {"fmt", "example.com/m/v2"},
			"low/a_test.go": {"example.org/oracle", module + "high", "flag"},
			"high/a.go":     {module + "low", module + "high"},
			"cmd/x/a.go":    {"flag", module + "high"},
		}
	}
	if got := importFaults(sound(), rules, third); len(got) != 0 {
		t.Errorf("the sound one is said to be broken: %q", got)
	}
	for want, change := range map[string]func(map[string][]string){
		"low may not":        func(f map[string][]string) { f["low/b.go"] = []string{module + "high"} },
		"do not name":        func(f map[string][]string) { f["new/a.go"] = nil },
		"belongs to":         func(f map[string][]string) { f["high/b.go"] = []string{"example.com/m"} },
		"no package owns":    func(f map[string][]string) { f["low/b.go"] = []string{"example.org/oracle"} },
		"only cmd prints":    func(f map[string][]string) { f["low/b.go"] = []string{"flag"} },
		"which has no":       func(f map[string][]string) { delete(f, "high/a.go") },
		"which nothing impo": func(f map[string][]string) { f["low/a.go"] = nil },
		"does not need":      func(f map[string][]string) { f["high/a.go"] = nil },
	} {
		files := sound()
		change(files)
		if got := importFaults(files, rules, third); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q was to be said once, there is %q", want, got)
		}
	}
}

// A link of a document leads to a file that is there.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, name := range []string{"README.md", "framing/PROTOCOL.md", "framing/RELAY.md", "cmd/ferry/JSON.md", "cmd/ferry-bench/README.md"} {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(top, path.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
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
