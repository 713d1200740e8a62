package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strings"
)

// Limits of size.
const (
	mostFields    = 20
	mostFiles     = 5 // that the methods of a type lie in
	mostLines     = 80
	mostFileLines = 400
	fewFileLines  = 60
	// leastFileLines is the least of a file that is not for some systems only.
	leastFileLines = 20
	mostMethods    = 10 // of an interface
	// mostSmall is the share of a package's files that may be small, in percent.
	mostSmall = 34
)

// records are structs of output that may have more fields, with the reason. They
// have no methods but those that show them.
var records = map[string]string{
	"transfer.Result":      "what a delivery came to: the lines of the summary",
	"cmd/ferry.jsonResult": "the fields of the object that ends --json, whose names are a contract",
}

// shows are the methods that a record may have.
var shows = []string{"String", "Error", "MarshalJSON", "MarshalText", "Unwrap"}

func ruleFields(h *house) (faults []fault) {
	used := make(map[string]bool)
	for _, r := range h.rooms {
		structs := make(map[string]*ast.StructType)
		for _, s := range r.sources {
			for name, expr := range typesIn(s) {
				if st, ok := expr.(*ast.StructType); ok && !s.test {
					structs[name] = st
				}
			}
		}
		methods := methodsOf(r)
		for name, st := range structs {
			n := countFields(st, structs)
			key := r.path + "." + name
			if _, ok := h.records[key]; ok {
				used[key] = true
				for m := range methods[name] {
					if !slices.Contains(shows, m) {
						faults = append(faults, fault{name, fmt.Sprintf("%s is a record of output and has the method %s", key, m)})
					}
				}
				if n > mostFields {
					continue
				}
				faults = append(faults, fault{name, fmt.Sprintf("%s has %d fields and need not be among the records", key, n)})
			}
			if n > mostFields {
				faults = append(faults, fault{name, fmt.Sprintf("%s has %d fields", key, n)})
			}
		}
	}
	for key := range h.records {
		if !used[key] {
			faults = append(faults, fault{key, key + " is among the records and does not exist"})
		}
	}
	return faults
}

// countFields counts those of an embedded struct of the same package as well, and
// those of a struct without a name: what is only spread out is no smaller.
func countFields(st *ast.StructType, structs map[string]*ast.StructType) int {
	n := 0
	for _, f := range st.Fields.List {
		inner, nested := f.Type.(*ast.StructType)
		name, own := f.Type.(*ast.Ident)
		switch {
		case nested:
			n += max(1, len(f.Names)) * countFields(inner, structs)
		case len(f.Names) == 0 && own && structs[name.Name] != nil && structs[name.Name] != st:
			n += countFields(structs[name.Name], structs)
		default:
			n += max(1, len(f.Names))
		}
	}
	return n
}

// typesIn returns the types that a file names, by name.
func typesIn(s *source) map[string]ast.Expr {
	all := make(map[string]ast.Expr)
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			all[spec.Name.Name] = spec.Type
		}
		return true
	})
	return all
}

// methodsOf returns the stems of the files of each method of each type of r.
func methodsOf(r *room) map[string]map[string]string {
	all := make(map[string]map[string]string)
	for _, s := range r.sources {
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || s.test {
				continue
			}
			name := baseName(f.Recv.List[0].Type)
			if all[name] == nil {
				all[name] = make(map[string]string)
			}
			all[name][f.Name.Name] = stem(s.name)
		}
	}
	return all
}

// baseName is the name of a type without pointer and parameters.
func baseName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return baseName(e.X)
	case *ast.IndexExpr:
		return baseName(e.X)
	case *ast.IndexListExpr:
		return baseName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func ruleSpread(h *house) (faults []fault) {
	for _, r := range h.rooms {
		for name, methods := range methodsOf(r) {
			in := make(map[string]bool)
			for _, file := range methods {
				in[file] = true
			}
			if len(in) > mostFiles {
				faults = append(faults, fault{name, fmt.Sprintf("the methods of %s.%s lie in %d files", r.path, name, len(in))})
			}
		}
	}
	return faults
}

func ruleFunctions(h *house) (faults []fault) {
	h.eachDecl(func(r *room, s *source, d ast.Decl) {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			return
		}
		lines := h.fset.Position(f.End()).Line - h.fset.Position(f.Pos()).Line + 1
		if lines > mostLines {
			faults = append(faults, fault{f.Name.Name, fmt.Sprintf("%s: %s has %d lines", s.name, f.Name.Name, lines)})
		}
	})
	return faults
}

// ruleFileSizes: a file has 60 to 400 lines. Files for some systems only, doc.go and
// main.go may be as small as they are. Of the others a third may be small, as one
// type may be, but not below 20 lines; in framing, where each message has a file,
// all may. Tests may be small.
func ruleFileSizes(h *house) (faults []fault) {
	for _, r := range h.rooms {
		var all, small int
		for _, s := range r.sources {
			base := path.Base(s.name)
			if s.lines > mostFileLines {
				faults = append(faults, fault{base, fmt.Sprintf("%s has %d lines", s.name, s.lines)})
			}
			if s.test || s.limited || base == "doc.go" || base == "main.go" || r.path == "framing" {
				continue
			}
			all++
			if s.lines >= fewFileLines {
				continue
			}
			small++
			if s.lines < leastFileLines {
				faults = append(faults, fault{base, fmt.Sprintf("%s has only %d lines", s.name, s.lines)})
			}
		}
		if small > 1 && 100*small > mostSmall*all {
			faults = append(faults, fault{r.path, fmt.Sprintf("%d of the %d files of %s have fewer than %d lines", small, all, r.path, fewFileLines)})
		}
	}
	return faults
}

func ruleInterfaces(h *house) (faults []fault) {
	for _, r := range h.rooms {
		for _, s := range r.sources {
			for name, expr := range typesIn(s) {
				it, ok := expr.(*ast.InterfaceType)
				if !ok {
					continue
				}
				n := it.Methods.NumFields()
				for _, u := range []*unit{r.plain, r.tested, r.outside} {
					if i, ok := u.info.TypeOf(it).(*types.Interface); ok {
						n = i.NumMethods()
					}
				}
				if n > mostMethods {
					faults = append(faults, fault{name, fmt.Sprintf("%s: the interface %s has %d methods", s.name, name, n)})
				}
			}
		}
	}
	return faults
}

// ruleNames: a package is called by its idea.
func ruleNames(h *house) (faults []fault) {
	for _, r := range h.rooms {
		for _, part := range append(strings.Split(r.path, "/"), strings.TrimSuffix(r.sources[0].syntax.Name.Name, "_test")) {
			if slices.Contains([]string{"util", "utils", "common", "shared", "helper", "helpers", "misc", "pkg"}, part) {
				faults = append(faults, fault{r.path, r.path + " says nothing about what is in it"})
				break
			}
		}
	}
	return faults
}

func ruleInit(h *house) (faults []fault) {
	h.eachDecl(func(r *room, s *source, d ast.Decl) {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			faults = append(faults, fault{s.name, s.name + " has an init"})
		}
	})
	return faults
}

// eachDecl calls f for all that the files declare.
func (h *house) eachDecl(f func(r *room, s *source, d ast.Decl)) {
	for _, r := range h.rooms {
		for _, s := range r.sources {
			for _, d := range s.syntax.Decls {
				f(r, s, d)
			}
		}
	}
}
