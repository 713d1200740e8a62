package tree

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// Limits of a filter and of the rule files entered below it, so that a tree
// cannot make its sender keep more. A compiled rule takes about 200 bytes, and
// at most 40 times its text.
const (
	MaxRules       = 1 << 16 // rules that hold at one place
	MaxFilterBytes = 4 << 20 // bytes of their patterns; also of one pattern file
	MaxPattern     = 4 << 10 // bytes of one pattern
)

// IgnoreFile is the name of the rule file that a folder may have for what is
// below it.
const IgnoreFile = ".ferryignore"

// Filter says which items of a tree are left out, by the rules of gitignore(5):
// the last rule that matches decides, and what is below an excluded folder
// cannot come back. Names are compared as bytes and with their case.
//
// The rules of NewFilter have the last word over those of rule files, and a
// deeper rule file over one above it. A Filter changes only in what Unmet tells, and
// may be used from many goroutines. A nil Filter excludes nothing.
type Filter struct {
	given  ruleSet
	nested *ruleLevel
	rules  int // in given and nested
	bytes  int
}

// ruleLevel is what one rule file says about the folder it is in.
type ruleLevel struct {
	within string // path of that folder with a slash at its end, or nothing
	set    ruleSet
	above  *ruleLevel
}

// NewFilter returns the filter that the given rules make, in their order. More
// than MaxRules or MaxFilterBytes of them is an error.
func NewFilter(rules []Rule) (*Filter, error) {
	f := &Filter{}
	if err := f.count(rules); err != nil {
		return nil, err
	}
	f.given = newRuleSet(rules)
	f.given.met = make([]atomic.Bool, len(f.given.rules))
	return f, nil
}

// Unmet returns the rules of NewFilter that stand on a command line and decided
// about no item so far: nothing matched, or a later rule had the last word, or what
// matches lies in a folder that was left out. Rules in files are often written for
// many trees, and are not among them.
func (f *Filter) Unmet() []*Rule {
	if f == nil {
		return nil
	}
	var unmet []*Rule
	for i := range f.given.rules {
		if r := &f.given.rules[i]; r.Line == 0 && !f.given.met[i].Load() {
			unmet = append(unmet, r)
		}
	}
	return unmet
}

// Enter returns the filter for the children of the folder at path, which has a
// rule file with these rules; f itself stays right for everything else. The path
// is relative to the named source, without a slash at its end; that of the
// source itself is empty. The limits of NewFilter hold for all rules together.
func (f *Filter) Enter(path string, rules []Rule) (*Filter, error) {
	if len(rules) == 0 {
		return f, nil
	}
	inner := &Filter{}
	if f != nil {
		*inner = *f
	}
	if err := inner.count(rules); err != nil {
		return nil, err
	}
	if path != "" {
		path += "/"
	}
	inner.nested = &ruleLevel{within: path, set: newRuleSet(rules), above: inner.nested}
	return inner, nil
}

func (f *Filter) count(rules []Rule) error {
	f.rules += len(rules)
	for i := range rules {
		f.bytes += len(rules[i].Text)
	}
	switch {
	case f.rules > MaxRules:
		return fmt.Errorf("%d rules in %s and above it, %d at most", f.rules, rules[0].Origin, MaxRules)
	case f.bytes > MaxFilterBytes:
		return fmt.Errorf("%d bytes of rules in %s and above it, %d at most", f.bytes, rules[0].Origin, MaxFilterBytes)
	}
	return nil
}

// Match reports whether the item at path is left out, and the rule that decided,
// which is nil if none matches. The path is relative to the named source, with
// slashes, not cleaned. Folders above it are taken to be included, as in a walk
// that does not enter an excluded one.
func (f *Filter) Match(path string, isFolder bool) (excluded bool, by *Rule) {
	if f == nil || path == "" {
		return false, nil
	}
	base := path[strings.LastIndexByte(path, '/')+1:]
	by = f.given.last(path, base, isFolder)
	for l := f.nested; by == nil && l != nil; l = l.above {
		if below, ok := strings.CutPrefix(path, l.within); ok {
			by = l.set.last(below, base, isFolder)
		}
	}
	return by != nil && !by.Include, by
}

// MatchPath is Match for a path that no walk led to: an excluded folder above it
// decides.
func (f *Filter) MatchPath(path string, isFolder bool) (excluded bool, by *Rule) {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if excluded, by = f.Match(path[:i], true); excluded {
			return excluded, by
		}
	}
	return f.Match(path, isFolder)
}
