package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"iter"
	"strings"
)

// ruleCallbacks: no callback runs under a lock. A callback is Observe, or an
// exported field that is a function, or a function of ours that calls one of
// these, or such a function. A lock is held between Lock and Unlock, behind a
// deferred Unlock, and in a function whose name ends in Locked. What an interface
// hides, a value that is a function, and a lock that a caller takes elsewhere are
// not seen: those are for the reader.
func ruleCallbacks(h *house) (faults []fault) {
	calls := h.callbacks()
	for _, r := range h.rooms {
		for _, s := range r.plain.sources {
			for name, body := range bodies(s) {
				w := lockWalk{info: r.plain.info, calls: calls, found: func(call *ast.CallExpr, back string) {
					faults = append(faults, fault{name + " " + back, fmt.Sprintf("%s: %s calls %s under a lock, and that calls back", h.at(call), name, back)})
				}}
				w.block(body.List, strings.HasSuffix(name, "Locked"))
			}
		}
	}
	return faults
}

// bodies yields each function of s, those without a name too.
func bodies(s *source) iter.Seq2[string, *ast.BlockStmt] {
	return func(yield func(string, *ast.BlockStmt) bool) {
		name := ""
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = n.Name.Name
				return n.Body != nil && yield(name, n.Body)
			case *ast.FuncLit:
				return yield("func in "+name, n.Body)
			}
			return true
		})
	}
}

// callbacks are our functions that call a callback while whoever called them
// waits, by name.
func (h *house) callbacks() map[string]bool {
	all := make(map[string]bool)
	for grew := true; grew; {
		grew = false
		for _, r := range h.rooms {
			for _, s := range r.plain.sources {
				for _, d := range s.syntax.Decls {
					f, ok := d.(*ast.FuncDecl)
					if !ok || f.Body == nil || all[nameOf(r.plain.info.Defs[f.Name])] {
						continue
					}
					w := lockWalk{info: r.plain.info, calls: all, found: func(*ast.CallExpr, string) {
						grew, all[nameOf(r.plain.info.Defs[f.Name])] = true, true
					}}
					w.always = true
					w.block(f.Body.List, true)
				}
			}
		}
	}
	return all
}

// lockWalk follows one function, statement by statement.
type lockWalk struct {
	info   *types.Info
	calls  map[string]bool // what calls back
	always bool            // whether a lock is held or not
	found  func(call *ast.CallExpr, back string)
}

// block returns whether a lock is held behind the statements.
func (w lockWalk) block(list []ast.Stmt, held bool) bool {
	for _, s := range list {
		held = w.statement(s, held)
	}
	return held
}

func (w lockWalk) statement(s ast.Stmt, held bool) bool {
	// Whatever happens in a branch that leaves the function or the loop does not
	// reach what follows.
	branch := func(list []ast.Stmt, before bool) bool {
		after := w.block(list, before)
		if len(list) > 0 {
			switch list[len(list)-1].(type) {
			case *ast.ReturnStmt, *ast.BranchStmt:
				return before
			}
		}
		return after
	}
	switch s := s.(type) {
	case *ast.BlockStmt:
		return w.block(s.List, held)
	case *ast.IfStmt:
		if s.Init != nil {
			held = w.statement(s.Init, held)
		}
		held = w.expression(s.Cond, held)
		after := branch(s.Body.List, held)
		if s.Else != nil {
			return w.statement(s.Else, held) && after
		}
		return after
	case *ast.ForStmt:
		return branch(s.Body.List, held)
	case *ast.RangeStmt:
		return branch(s.Body.List, held)
	case *ast.SwitchStmt:
		return w.clauses(s.Body, held, branch)
	case *ast.TypeSwitchStmt:
		return w.clauses(s.Body, held, branch)
	case *ast.SelectStmt:
		return w.clauses(s.Body, held, branch)
	case *ast.DeferStmt, *ast.GoStmt:
		return held // at another time
	}
	return w.expression(s, held)
}

func (w lockWalk) clauses(body *ast.BlockStmt, held bool, branch func([]ast.Stmt, bool) bool) bool {
	after := held
	for _, c := range body.List {
		switch c := c.(type) {
		case *ast.CaseClause:
			after = branch(c.Body, held) && after
		case *ast.CommClause:
			after = branch(c.Body, held) && after
		}
	}
	return after
}

// expression goes through the calls of n in their order.
func (w lockWalk) expression(n ast.Node, held bool) bool {
	if n == nil {
		return held
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fun := ast.Unparen(call.Fun)
		name, ok := fun.(*ast.Ident)
		sel, isSel := fun.(*ast.SelectorExpr)
		if isSel {
			name, ok = sel.Sel, true
		}
		switch {
		case !ok:
		case name.Name == "Lock" || name.Name == "RLock":
			held = true
		case name.Name == "Unlock" || name.Name == "RUnlock":
			held = false
		case (held || w.always) && w.callsBack(name, sel):
			w.found(call, name.Name)
		}
		return true
	})
	return held
}

func (w lockWalk) callsBack(name *ast.Ident, sel *ast.SelectorExpr) bool {
	switch o := w.info.Uses[name].(type) {
	case *types.Var:
		return sel != nil && o.IsField() && o.Exported()
	case *types.Func:
		return o.Name() == "Observe" || w.calls[nameOf(o)]
	}
	return false
}
