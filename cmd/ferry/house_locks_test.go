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
// these, or such a function, without giving up the lock before. A lock is held
// between Lock and Unlock, behind a deferred Unlock, and in a function whose name
// ends in Locked. What an interface hides, a value that is a function, and a lock
// that a caller takes elsewhere are not seen: those are for the reader.
func ruleCallbacks(h *house) (faults []fault) {
	calls := h.callbacks()
	for _, r := range h.rooms {
		for _, s := range r.plain.sources {
			for name, body := range bodies(s) {
				w := lockWalk{info: r.plain.info, calls: calls, found: func(call *ast.CallExpr, back string, own, more int) {
					if more <= 0 && own+more > 0 { // else it is the fault of what is called
						faults = append(faults, fault{name + " " + back, fmt.Sprintf("%s: %s calls %s under a lock, and that calls back", h.at(call), name, back)})
					}
				}}
				held := 0
				if strings.HasSuffix(name, "Locked") {
					held = 1
				}
				w.block(body.List, held)
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

// mostHeld bounds how many locks are counted, so that recursion comes to an end.
const mostHeld = 4

// callbacks are our functions that call a callback while whoever called them
// waits, by name. The value is how many more locks are held then than before the
// call: -1 for a function that is called under a lock and gives it up meanwhile.
func (h *house) callbacks() map[string]int {
	all := make(map[string]int)
	for grew := true; grew; {
		grew = false
		for _, r := range h.rooms {
			for _, s := range r.plain.sources {
				for _, d := range s.syntax.Decls {
					f, ok := d.(*ast.FuncDecl)
					if !ok || f.Body == nil {
						continue
					}
					name := nameOf(r.plain.info.Defs[f.Name])
					w := lockWalk{info: r.plain.info, calls: all, found: func(_ *ast.CallExpr, _ string, own, more int) {
						held := min(own+more, mostHeld)
						if before, known := all[name]; !known || held > before {
							grew, all[name] = true, held
						}
					}}
					w.block(f.Body.List, 0)
				}
			}
		}
	}
	return all
}

// lockWalk follows one function, statement by statement, and counts the locks that
// it holds.
type lockWalk struct {
	info  *types.Info
	calls map[string]int // what calls back, see callbacks
	// found is called with the locks held here, and how many more the call takes.
	found func(call *ast.CallExpr, back string, own, more int)
}

// block returns how many locks are held behind the statements.
func (w lockWalk) block(list []ast.Stmt, held int) int {
	for _, s := range list {
		held = w.statement(s, held)
	}
	return held
}

// branch is block, but what happens in a branch that leaves the function or the
// loop does not reach what follows.
func (w lockWalk) branch(list []ast.Stmt, before int) int {
	after := w.block(list, before)
	if len(list) > 0 {
		switch list[len(list)-1].(type) {
		case *ast.ReturnStmt, *ast.BranchStmt:
			return before
		}
	}
	return after
}

func (w lockWalk) statement(s ast.Stmt, held int) int {
	switch s := s.(type) {
	case *ast.BlockStmt:
		return w.block(s.List, held)
	case *ast.IfStmt:
		if s.Init != nil {
			held = w.statement(s.Init, held)
		}
		held = w.expression(s.Cond, held)
		after := w.branch(s.Body.List, held)
		if s.Else != nil {
			return min(w.statement(s.Else, held), after)
		}
		return after
	case *ast.ForStmt:
		return w.branch(s.Body.List, held)
	case *ast.RangeStmt:
		return w.branch(s.Body.List, held)
	case *ast.SwitchStmt:
		return w.clauses(s.Body, held)
	case *ast.TypeSwitchStmt:
		return w.clauses(s.Body, held)
	case *ast.SelectStmt:
		return w.clauses(s.Body, held)
	case *ast.DeferStmt, *ast.GoStmt:
		return held // at another time
	}
	return w.expression(s, held)
}

func (w lockWalk) clauses(body *ast.BlockStmt, held int) int {
	after := held
	for _, c := range body.List {
		switch c := c.(type) {
		case *ast.CaseClause:
			after = min(after, w.branch(c.Body, held))
		case *ast.CommClause:
			after = min(after, w.branch(c.Body, held))
		}
	}
	return after
}

// expression goes through the calls of n in their order.
func (w lockWalk) expression(n ast.Node, held int) int {
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
		if !ok {
			return true
		}
		switch name.Name {
		case "Lock", "RLock":
			held++
		case "Unlock", "RUnlock":
			held--
		default:
			if more, back := w.callsBack(name, isSel); back {
				w.found(call, name.Name, held, more)
			}
		}
		return true
	})
	return held
}

// callsBack is whether a call does, and how many more locks are held then.
func (w lockWalk) callsBack(name *ast.Ident, isSel bool) (more int, back bool) {
	switch o := w.info.Uses[name].(type) {
	case *types.Var:
		return 0, isSel && o.IsField() && o.Exported()
	case *types.Func:
		if o.Name() == "Observe" {
			return 0, true
		}
		more, back = w.calls[nameOf(o)]
	}
	return more, back
}
