package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// broken are sources, most of which break a rule once.
var broken = []struct {
	rule, files, want string // the key of the breach, or ""
}{
	{"fields", "-- a/a.go --\npackage a\ntype T struct {\n" + fields(20) + "}\n", ""},
	{"fields", "-- a/a.go --\npackage a\ntype T struct {\n" + fields(21) + "}\n", "T"},
	{"fields", "-- a/a.go --\npackage a\ntype t struct {\n" + fields(20) + "}\ntype T struct {\n\tt\n\tg int\n}\n", "T"},
	{"fields", "-- a/a.go --\npackage a\ntype T struct {\n\tinner struct {\n" + fields(21) + "}\n}\n", "T"},
	{"fields", "-- a/a.go --\npackage a\nfunc f() {\n\ttype T struct {\n" + fields(21) + "}\n}\n", "T"},
	{"fields", "-- a/record.go --\npackage a\ntype Record struct {\n" + fields(21) + "}\nfunc (*Record) String() string { return \"\" }\n", ""},
	{"fields", "-- a/record.go --\npackage a\ntype Record struct {\n" + fields(21) + "}\nfunc (*Record) Work() {}\n", "Record"},
	{"fields", "-- a/record.go --\npackage a\ntype Record struct {\n" + fields(20) + "}\n", "Record"},
	{"spread", "-- a/a.go --\npackage a\ntype T int\n" + files(5) + "-- a/m1_linux.go --\npackage a\nfunc (T) n() {}\n", ""},
	{"spread", "-- a/a.go --\npackage a\ntype T int\n" + files(6), "T"},
	{"function", "-- a/a.go --\npackage a\nfunc F() {\n" + body(78) + "}\n", ""},
	{"function", "-- a/a.go --\npackage a\nfunc F() {\n" + body(79) + "}\n", "F"},
	{"file", "-- a/a.go --\npackage a\n" + lines(399) + "-- a/doc.go --\npackage a\n-- a/a_linux.go --\npackage a\n", ""},
	{"file", "-- a/a.go --\npackage a\n" + lines(400), "a.go"},
	{"file", "-- a/a_test.go --\npackage a\n" + lines(400), "a_test.go"},
	{"file", "-- a/a.go --\npackage a\n" + lines(18), "a.go"},
	{"file", "-- a/a.go --\npackage a\n" + lines(30) + "-- a/b.go --\npackage a\n" + lines(30) + "-- a/c.go --\npackage a\n" + lines(70), "a"},
	{"interface", "-- a/a.go --\npackage a\ntype I interface {\n" + methods(10) + "}\n", ""},
	{"interface", "-- a/a.go --\npackage a\ntype I interface {\n" + methods(11) + "}\n", "I"},
	{"interface", "-- a/a.go --\npackage a\ntype I interface {\n" + methods(10) + "}\ntype J interface {\n\tI\n\tn()\n}\n", "J"},
	{"package", "-- a/util/a.go --\npackage util\n", "a/util"},
	{"package", "-- a/b/a.go --\npackage common\n", "a/b"},
	{"init", "-- a/a.go --\npackage a\ntype T int\nfunc (T) init() {}\n", ""},
	{"init", "-- a/a.go --\npackage a\nfunc init() {}\n", "a/a.go"},
	{"variable", "-- a/a.go --\npackage a\nvar v = [2]int{1, 2}\nfunc f() *int { v := 1; v = 2; _ = v; return nil }\nfunc g() *int { return &v[0] }\n", ""},
	{"variable", "-- a/a.go --\npackage a\nvar v = 1\nfunc f() { v = 2 }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar v = 1\nfunc f() { v++ }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar v = 1\nfunc f() *int { return &v }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar v = map[int]int{}\nfunc f() { v[1] = 2 }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar v struct{ n int }\nfunc f() { for v.n = range 3 {} }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar v = 1\n-- a/a_test.go --\npackage a\nfunc f() { v = 2 }\n", "v"},
	{"variable", "-- a/a.go --\npackage a\nvar V = 1\n-- b/b.go --\npackage b\nimport \"ferry/a\"\nfunc f() { a.V = 2 }\n", "V"},
	{"doc", "-- a/a.go --\n// Package a.\npackage a\n-- a/b.go --\npackage a\n", ""},
	{"doc", "-- a/a.go --\npackage a\n", "a"},
	{"doc", "-- a/a.go --\n// Package a.\npackage a\n-- a/b.go --\n// Package a.\npackage a\n", "a"},
	{"documented", "-- a/a.go --\npackage a\n// F is.\nfunc F() {}\n// T is.\ntype T int\nfunc (T) String() string { return \"\" }\n// These are.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""},
	{"documented", "-- a/a.go --\npackage a\nfunc F() {}\n", "F"},
	{"documented", "-- a/a.go --\npackage a\n// T is.\ntype T int\nfunc (T) M() {}\n", "T.M"},
	{"documented", "-- a/a.go --\npackage a\ntype T int\n", "T"},
	{"documented", "-- a/a.go --\npackage a\nconst C = 1\n", "C"},
	{"unused", "-- transfer/a/a.go --\npackage a\ntype R int\ntype T struct{ F R }\nfunc (T) Close() {}\nfunc (T) M() {}\nconst C R = 1\n" +
		"-- b/b.go --\npackage b\nimport \"ferry/transfer/a\"\nfunc f(t a.T) { t.M() }\n", ""},
	{"unused", "-- transfer/a/a.go --\npackage a\nfunc F() {}\nfunc f() { F() }\n", "a.F"},
	{"unused", "-- transfer/a/a.go --\npackage a\ntype T int\nfunc (T) M() {}\n-- b/b.go --\npackage b\nimport \"ferry/transfer/a\"\nvar _ a.T\n", "a.T.M"},
	{"unused", "-- transfer/a/a.go --\npackage a\nfunc F() {}\n-- b/b_test.go --\npackage b\nimport \"ferry/transfer/a\"\nfunc f() { a.F() }\n", "a.F"},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) f(b bool) {\n\tx.mu.Lock()\n\tif b {\n\t\tx.mu.Unlock()\n\t\tx.o.Observe()\n\t\treturn\n\t}\n\tx.mu.Unlock()\n\tx.o.Observe()\n}\n", ""},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) f() {\n\tx.mu.Lock()\n\tx.o.Observe()\n\tx.mu.Unlock()\n}\n", "f Observe"},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) f() {\n\tx.mu.Lock()\n\tdefer x.mu.Unlock()\n\tx.Told()\n}\n", "f Told"},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) fLocked() { x.o.Observe() }\n", "fLocked Observe"},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) tell() { x.o.Observe() }\nfunc (x *x) f(b bool) {\n\tx.mu.Lock()\n\tif b {\n\t\tx.mu.Unlock()\n\t\treturn\n\t}\n\tx.tell()\n}\n", "f tell"},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) tell() {\n\tx.mu.Unlock()\n\tdefer x.mu.Lock()\n\tx.o.Observe()\n}\nfunc (x *x) f() {\n\tx.mu.Lock()\n\tdefer x.mu.Unlock()\n\tx.tell()\n}\n", ""},
	{"callback", "-- a/a.go --\npackage a\n" + lock + "func (x *x) tell() {\n\tx.mu.Unlock()\n\tdefer x.mu.Lock()\n\tx.o.Observe()\n}\nfunc (x *x) f() {\n\tx.mu.Lock()\n\tdefer x.mu.Unlock()\n\tx.tell()\n}\n" +
		"func (x *x) g(o *x) {\n\to.mu.Lock()\n\tx.f()\n\to.mu.Unlock()\n}\n", "g f"},
	{"readme", "-- README.md --\n" + strings.Repeat("word\n", 1200) + "-- other.md --\n" + strings.Repeat("word\n", 1300), ""},
	{"readme", "-- README.md --\n" + strings.Repeat("word\n", 1201), "README.md"},
	{"readme", "-- README.md --\n|" + strings.Repeat("é", 100) + "\n" + strings.Repeat("é", 100) + "\n", ""},
	{"readme", "-- README.md --\n" + strings.Repeat("é", 101) + "\n", "README.md"},
	{"sentence", "-- a/a.go --\n// " + words(40) + "end.\n//\n//\t" + words(50) + "\n//\n//go:generate " + words(50) + "\npackage a\n" +
		"-- a.md --\n" + words(39) + "`" + words(50) + "`. More.\n\n| " + words(50) + "|\n\n```\n" + words(50) + "\n```\n\n    " + words(50) + "\n\n- " + words(39) + "\n- " + words(39) + "\n", "word word word word word word"},
	{"sentence", "-- a/a.go --\npackage a\n// " + words(39) + "\n// end. " + words(39) + "\n", ""},
	{"sentence", "-- a/a.go --\npackage a\n// " + words(39) + "\n// e.g. this.\n", "word word word word word word"},
	{"sentence", "-- a.md --\n- " + words(30) + "\n  " + words(30) + "\n", "word word word word word word"},
}

// Each rule notices what breaks it, and leaves alone what does not.
func TestRulesNotice(t *testing.T) {
	for _, c := range broken {
		made := make(map[string]string)
		for _, f := range txtar.Parse([]byte(c.files)).Files {
			made[f.Name] = string(f.Data)
		}
		h := houseOf(t, made)
		if _, ok := made["a/record.go"]; ok {
			h.records = map[string]string{"a.Record": "to be tried"}
		}
		var got []string
		for _, f := range rules[c.rule](h) {
			got = append(got, f.key)
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q instead of %q in\n%s", c.rule, got, want, c.files)
		}
	}
}

// repeat formats 1 to n.
func repeat(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1)
	}
	return b.String()
}

func fields(n int) string  { return repeat("\tf%d int\n", n) }
func methods(n int) string { return repeat("\tm%d()\n", n) }
func body(n int) string    { return strings.Repeat("\t_ = 1\n", n) }
func lines(n int) string   { return strings.Repeat("// line.\n", n) }
func words(n int) string   { return strings.Repeat("word ", n) }

// files are as many with a method each.
func files(n int) string {
	return repeat("-- a/m%[1]d.go --\npackage a\nfunc (T) m%[1]d() {}\n", n)
}

const lock = "type mutex struct{}\nfunc (mutex) Lock() {}\nfunc (mutex) Unlock() {}\n" +
	"type x struct { mu mutex; o interface{ Observe() }; Told func() }\n"
