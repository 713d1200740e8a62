package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// house is the source of this module as the checks see it.
type house struct {
	fset  *token.FileSet
	rooms map[string]*room // by path from the top
	// texts are the documents that belong to it, by path from the top.
	texts   map[string]string
	foreign types.Importer // of what is not ours
	records map[string]string
}

// room is one folder of Go files.
type room struct {
	path    string
	sources []*source
	// plain is what importers see, tested the same together with the tests in the
	// package, outside the tests beside it. Only files for this system are in them.
	plain, tested, outside *unit
}

// source is one Go file.
type source struct {
	name    string // path from the top
	syntax  *ast.File
	lines   int
	test    bool
	limited bool // by its name or a constraint, to some systems
	here    bool // built on this system
}

// unit is a set of files that are checked together.
type unit struct {
	sources []*source
	pkg     *types.Package
	info    *types.Info
}

// systems are the suffixes of files of which every system has another.
var systems = []string{"linux", "windows", "freebsd", "netbsd", "openbsd", "darwin", "unix", "other", "amd64", "arm64", "386"}

// stem is what a file shares with its variants for other systems: x.go and
// x_linux_amd64.go have the same.
func stem(name string) string {
	s := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test")
	for {
		before, last, found := cutLast(s, "_")
		if !found || !slices.Contains(systems, last) {
			return s
		}
		s = before
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// add parses one file.
func (h *house) add(name string, text []byte, here bool) error {
	syntax, err := parser.ParseFile(h.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	constrained := slices.ContainsFunc(syntax.Comments, func(g *ast.CommentGroup) bool {
		return strings.HasPrefix(g.List[0].Text, "//go:build")
	})
	s := &source{
		name: name, syntax: syntax, here: here,
		lines: bytes.Count(text, []byte("\n")),
		test:  strings.HasSuffix(name, "_test.go"),
	}
	s.limited = constrained || stem(name) != strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test")
	dir := path.Dir(name)
	if h.rooms[dir] == nil {
		h.rooms[dir] = &room{path: dir}
	}
	h.rooms[dir].sources = append(h.rooms[dir].sources, s)
	return nil
}

// Import gives a package of ours as the checks made it, so that a name is the same
// object wherever it is used.
func (h *house) Import(name string) (*types.Package, error) {
	own, isOwn := strings.CutPrefix(name, module)
	switch {
	case !isOwn && h.foreign != nil:
		return h.foreign.Import(name)
	case h.rooms[own] == nil:
		return nil, fmt.Errorf("there is no %s", name)
	}
	return h.rooms[own].plain.pkg, h.checkPlain(h.rooms[own])
}

// check makes the types of all rooms.
func (h *house) check() error {
	for _, r := range h.rooms {
		r.plain, r.tested, r.outside = new(unit), new(unit), new(unit)
		for _, s := range r.sources {
			beside := strings.HasSuffix(s.syntax.Name.Name, "_test")
			switch {
			case !s.here:
			case s.test && beside:
				r.outside.sources = append(r.outside.sources, s)
			case s.test:
				r.tested.sources = append(r.tested.sources, s)
			default:
				r.plain.sources = append(r.plain.sources, s)
				r.tested.sources = append(r.tested.sources, s)
			}
		}
		r.plain.pkg = types.NewPackage(module+r.path, "")
	}
	for _, r := range h.rooms {
		if err := h.checkPlain(r); err != nil {
			return err
		}
	}
	for _, r := range h.rooms {
		// A test may import what imports its own package, which is then another
		// package to it: those errors say nothing.
		for _, u := range []*unit{r.tested, r.outside} {
			_ = h.checkUnit(r.path, u, func(error) {})
		}
	}
	return nil
}

func (h *house) checkPlain(r *room) error {
	if r.plain.info != nil {
		return nil
	}
	return h.checkUnit(r.path, r.plain, nil)
}

func (h *house) checkUnit(dir string, u *unit, ignore func(error)) error {
	u.info = &types.Info{
		Types:      make(map[ast.Expr]types.TypeAndValue),
		Defs:       make(map[*ast.Ident]types.Object),
		Uses:       make(map[*ast.Ident]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
	}
	if u.pkg == nil {
		u.pkg = types.NewPackage(module+dir, "")
	}
	var files []*ast.File
	for _, s := range u.sources {
		files = append(files, s.syntax)
	}
	config := types.Config{Importer: h, Error: ignore}
	return types.NewChecker(&config, h.fset, u.pkg, u.info).Files(files)
}

// readHouse reads this module.
func readHouse(t *testing.T) *house {
	t.Helper()
	h := &house{fset: token.NewFileSet(), rooms: make(map[string]*room), texts: make(map[string]string), records: records}
	for _, name := range []string{"README.md", "framing/PROTOCOL.md", "framing/RELAY.md", "cmd/ferry/JSON.md", "cmd/ferry-bench/README.md"} {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		h.texts[name] = string(text)
	}
	foreign := make(map[string]bool)
	walkSource(t, func(rel, file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		here, err := build.Default.MatchFile(filepath.Dir(file), filepath.Base(file))
		if err != nil {
			return err
		}
		if err := h.add(rel, text, here); err != nil || !here {
			return err
		}
		sources := h.rooms[path.Dir(rel)].sources
		for _, i := range sources[len(sources)-1].syntax.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(name, module) {
				foreign[name] = true
			}
		}
		return nil
	})
	h.foreign = exported(t, h.fset, foreign)
	if err := h.check(); err != nil {
		t.Fatal(err)
	}
	return h
}

// houseOf reads sources that a test has made up. They import each other only.
func houseOf(t *testing.T, files map[string]string) *house {
	t.Helper()
	h := &house{fset: token.NewFileSet(), rooms: make(map[string]*room), texts: make(map[string]string)}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".go" {
			h.texts[name] = files[name]
		} else if err := h.add(name, []byte(files[name]), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.check(); err != nil {
		t.Fatal(err)
	}
	return h
}

// exported imports packages from what the go tool keeps of them.
func exported(t *testing.T, fset *token.FileSet, names map[string]bool) types.Importer {
	t.Helper()
	args := []string{"list", "-deps", "-export", "-f", "{{if .Export}}{{.ImportPath}}\t{{.Export}}{{end}}"}
	for name := range names {
		if name != "C" && name != "unsafe" {
			args = append(args, name)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = top
	var said bytes.Buffer
	cmd.Stderr = &said
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &said)
	}
	at := make(map[string]string)
	for line := range strings.Lines(string(list)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		at[name] = file
	}
	return importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
		if at[name] == "" {
			return nil, errors.New("nothing is kept of " + name)
		}
		return os.Open(at[name])
	})
}

// walkSource calls each with the Go files of this module: the path from the top,
// and where the file is.
func walkSource(t *testing.T, each func(rel, file string) error) {
	t.Helper()
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
		return each(filepath.ToSlash(rel), p)
	})
	if err != nil {
		t.Fatal(err)
	}
}
