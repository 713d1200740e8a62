package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strings"
)

// ruleVariables: what a package declares with var keeps its value.
func ruleVariables(h *house) (faults []fault) {
	for _, r := range h.rooms {
		for _, u := range []*unit{r.tested, r.outside} {
			changed := func(e ast.Expr, how string) {
				v := rootVariable(u.info, e)
				if v == nil || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() || !strings.HasPrefix(v.Pkg().Path(), module) {
					return
				}
				faults = append(faults, fault{v.Name(), fmt.Sprintf("%s: %s, which a package declares, is %s", h.at(e), v.Name(), how)})
			}
			for _, s := range u.sources {
				ast.Inspect(s.syntax, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.AssignStmt:
						if n.Tok != token.DEFINE {
							for _, e := range n.Lhs {
								changed(e, "assigned to")
							}
						}
					case *ast.IncDecStmt:
						changed(n.X, "changed")
					case *ast.RangeStmt:
						if n.Tok == token.ASSIGN {
							changed(n.Key, "assigned to")
							changed(n.Value, "assigned to")
						}
					case *ast.UnaryExpr:
						if v := rootVariable(u.info, n.X); n.Op == token.AND && v != nil && !isTable(v.Type()) {
							changed(n.X, "open to change by its address")
						}
					}
					return true
				})
			}
		}
	}
	return faults
}

// isTable is whether many values of one kind are in a variable.
func isTable(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Array, *types.Slice, *types.Map:
		return true
	}
	return false
}

// rootVariable is the variable that x, x.f, x[i] and *x are of, nil for another
// expression.
func rootVariable(info *types.Info, e ast.Expr) *types.Var {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return rootVariable(info, e.X)
	case *ast.StarExpr:
		return rootVariable(info, e.X)
	case *ast.IndexExpr:
		return rootVariable(info, e.X)
	case *ast.SelectorExpr:
		if v, ok := info.Uses[e.Sel].(*types.Var); ok && !v.IsField() {
			return v
		}
		return rootVariable(info, e.X)
	case *ast.Ident:
		v, _ := info.Uses[e].(*types.Var)
		return v
	}
	return nil
}

func (h *house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// rulePackageComments: each package has one, in one file.
func rulePackageComments(h *house) (faults []fault) {
	for _, r := range h.rooms {
		n, hasPlain := 0, false
		for _, s := range r.sources {
			hasPlain = hasPlain || !s.test
		}
		for _, s := range r.sources {
			if s.test != hasPlain && s.syntax.Doc != nil {
				n++
			}
		}
		if n != 1 {
			faults = append(faults, fault{r.path, fmt.Sprintf("%s has %d package comments", r.path, n)})
		}
	}
	return faults
}

// ruleDocumented: what a library exports says what it is.
func ruleDocumented(h *house) (faults []fault) {
	h.eachDecl(func(r *room, s *source, d ast.Decl) {
		if s.test || s.syntax.Name.Name == "main" {
			return
		}
		bare := func(name *ast.Ident, of string) {
			if name.IsExported() {
				faults = append(faults, fault{of + name.Name, fmt.Sprintf("%s: %s%s has no comment", h.at(name), of, name.Name)})
			}
		}
		switch d := d.(type) {
		case *ast.FuncDecl:
			of := ""
			if d.Recv != nil {
				if of = baseName(d.Recv.List[0].Type); !ast.IsExported(of) || customary(d.Name.Name) {
					return
				}
				of += "."
			}
			if d.Doc == nil {
				bare(d.Name, of)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						bare(spec.Name, "")
					}
				case *ast.ValueSpec:
					if d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						for _, name := range spec.Names {
							bare(name, "")
						}
					}
				}
			}
		}
	})
	return faults
}

// customary is whether a method does what everybody expects from its name.
func customary(method string) bool {
	switch method {
	case "Error", "String", "Unwrap", "Is", "As", "Read", "Write", "Close", "ReadAt", "WriteAt", "Len", "Less", "Swap",
		"MarshalJSON", "MarshalText", "UnmarshalText", "LocalAddr", "RemoteAddr", "SetDeadline", "SetReadDeadline", "SetWriteDeadline", "Network", "Accept", "Addr", "Format":
		return true
	}
	return false
}

// ruleUsed: what a package below transfer exports is used by another package, by
// more than tests. Of a package for tests, which imports testing, it is used by
// tests. Methods of interfaces count as used, and so do fields.
func ruleUsed(h *house) (faults []fault) {
	used := make(map[string]bool) // by package, type and name
	fulfilled := make(map[string]bool)
	for _, r := range h.rooms {
		for _, u := range []*unit{r.plain, r.tested, r.outside} {
			for _, s := range u.sources {
				if s.test && !h.rooms[r.path].forTests() {
					h.usesOfTests(u, s, used)
					continue
				}
				ast.Inspect(s.syntax, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						if o := u.info.Uses[id]; o != nil && o.Pkg() != nil && o.Pkg().Path() != module+r.path {
							used[nameOf(o)] = true
						}
					}
					if it, ok := n.(*ast.InterfaceType); ok {
						if i, ok := u.info.TypeOf(it).(*types.Interface); ok {
							for m := range i.Methods() {
								fulfilled[m.Name()] = true
							}
						}
					}
					return true
				})
			}
		}
		for _, s := range r.sources {
			if !s.here {
				namesElsewhere(s, used)
			}
		}
	}
	h.mentions(used)
	for _, r := range h.rooms {
		if r.path != "transfer" && !strings.HasPrefix(r.path, "transfer/") {
			continue
		}
		scope := r.plain.pkg.Scope()
		for _, name := range scope.Names() {
			o := scope.Lookup(name)
			if !o.Exported() {
				continue
			}
			if c, ok := o.(*types.Const); ok && ownTypeUsed(c, used) {
				continue // one of the values of what is used
			}
			if !used[nameOf(o)] {
				faults = append(faults, fault{path.Base(r.path) + "." + name, fmt.Sprintf("%s.%s is exported and no other package uses it", r.path, name)})
				continue
			}
			n, ok := o.Type().(*types.Named)
			if _, isType := o.(*types.TypeName); !isType || !ok {
				continue
			}
			for m := range n.Methods() {
				if m.Exported() && !used[nameOf(m)] && !fulfilled[m.Name()] && !customary(m.Name()) {
					key := fmt.Sprintf("%s.%s.%s", path.Base(r.path), name, m.Name())
					faults = append(faults, fault{key, fmt.Sprintf("%s.%s.%s is exported and no other package uses it", r.path, name, m.Name())})
				}
			}
		}
	}
	return faults
}

// mentions adds to used the types that are in what is used: those of parameters,
// results and fields.
func (h *house) mentions(used map[string]bool) {
	for grew := true; grew; {
		grew = false
		add := func(t types.Type) {
			for {
				switch c := t.(type) {
				case interface{ Elem() types.Type }:
					t = c.Elem()
					continue
				case *types.Named:
					if o := c.Obj(); !used[nameOf(o)] {
						used[nameOf(o)], grew = true, true
					}
				}
				return
			}
		}
		signature := func(f *types.Signature) {
			for v := range f.Params().Variables() {
				add(v.Type())
			}
			for v := range f.Results().Variables() {
				add(v.Type())
			}
		}
		for _, r := range h.rooms {
			scope := r.plain.pkg.Scope()
			for _, name := range scope.Names() {
				o := scope.Lookup(name)
				if !o.Exported() || !used[nameOf(o)] {
					continue
				}
				switch t := o.Type().Underlying().(type) {
				case *types.Signature:
					signature(t)
				case *types.Struct:
					for f := range t.Fields() {
						add(f.Type())
					}
				case *types.Interface:
					for m := range t.Methods() {
						signature(m.Signature())
					}
				default:
					add(t)
				}
				if n, ok := o.Type().(*types.Named); ok {
					for m := range n.Methods() {
						if m.Exported() {
							signature(m.Signature())
						}
					}
				}
			}
		}
	}
}

// ownTypeUsed is whether the type of a constant belongs to its package and is used.
func ownTypeUsed(c *types.Const, used map[string]bool) bool {
	n, ok := c.Type().(*types.Named)
	return ok && n.Obj().Pkg() == c.Pkg() && used[nameOf(n.Obj())]
}

// forTests is whether a package serves tests only.
func (r *room) forTests() bool {
	for _, s := range r.sources {
		if s.test {
			continue
		}
		for _, i := range s.syntax.Imports {
			if i.Path.Value == `"testing"` {
				return true
			}
		}
	}
	return false
}

// usesOfTests notes what a test uses of packages for tests.
func (h *house) usesOfTests(u *unit, s *source, used map[string]bool) {
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if o := u.info.Uses[id]; o != nil && o.Pkg() != nil {
			own, isOwn := strings.CutPrefix(o.Pkg().Path(), module)
			if isOwn && h.rooms[own] != nil && h.rooms[own].forTests() {
				used[nameOf(o)] = true
			}
		}
		return true
	})
}

// namesElsewhere notes what a file for another system names of other packages.
func namesElsewhere(s *source, used map[string]bool) {
	at := make(map[string]string)
	for _, i := range s.syntax.Imports {
		name := strings.Trim(i.Path.Value, `"`)
		at[path.Base(name)] = name
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && at[x.Name] != "" {
				used[at[x.Name]+"."+sel.Sel.Name] = true
			}
		}
		return true
	})
}

// nameOf is the same for an object of a package and for that object in a type
// with parameters.
func nameOf(o types.Object) string {
	if o.Pkg() == nil {
		return o.Name() // of the language
	}
	if f, ok := o.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			t := recv.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			if n, ok := t.(*types.Named); ok {
				return o.Pkg().Path() + "." + n.Obj().Name() + "." + o.Name()
			}
		}
	}
	return o.Pkg().Path() + "." + o.Name()
}
