package filter

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
)

// Limits of a List and of the rule files entered below it, so that a tree cannot
// make its sender keep more. A compiled rule takes about 200 bytes, and at most 40
// times its text.
const (
	maxRules   = 1 << 16 // rules that hold at one place
	maxBytes   = 4 << 20 // bytes of their patterns; also of one rule file
	maxPattern = 4 << 10 // bytes of one pattern
)

// IgnoreFile is the name of the rule file that a folder may have for what is in it.
const IgnoreFile = ".ferryignore"

// List is an ordered list of rules, with the rule files of the folders that were
// entered. The last rule that matches decides, and nothing below an excluded folder
// comes back.
//
// The rules of New have the last word over those of rule files, and a deeper rule
// file has it over one above. A List changes only in what Unmet tells. A nil List
// excludes nothing.
type List struct {
	given  ruleSet
	nested *level
	rules  int // in given and nested
	bytes  int // of the patterns in given and nested
}

// level is what one rule file says about the folder it is in.
type level struct {
	within string // path of that folder with a slash at its end; empty for the source
	set    ruleSet
	above  *level
}

// New returns the List of the given rules, in their order. More than 65536 rules or
// 4 MiB of them are an error.
func New(rules []Rule) (*List, error) {
	l := &List{}
	if err := l.count(rules); err != nil {
		return nil, err
	}
	l.given = newRuleSet(rules)
	l.given.met = make([]atomic.Bool, len(l.given.rules))
	return l, nil
}

// Unmet returns the rules of New that stand on a command line and decided about no item so
// far. Either nothing matched, or a later rule had the last word, or what matches lies in a
// folder that was left out. Rules in files are often written for many trees, so
// Unmet does not return those.
func (l *List) Unmet() []*Rule {
	if l == nil {
		return nil
	}
	var unmet []*Rule
	for i := range l.given.rules {
		if r := &l.given.rules[i]; r.line == 0 && !l.given.met[i].Load() {
			unmet = append(unmet, r)
		}
	}
	return unmet
}

// Enter returns the List for what is in the folder at path, whose rule file this is;
// l itself stays right for everything else. The path is relative to the source,
// without a slash at its end; the path of the source itself is empty. The name of the
// file appears in errors and in the rules.
//
// Errors: those of Read, the first Rule.Mistake, and more than 65536 rules or 4 MiB
// of them in l and the file together.
func (l *List) Enter(path string, file io.Reader, name string) (*List, error) {
	rules, err := Read(file, name)
	if err != nil {
		return nil, err
	}
	for i := range rules {
		if err := rules[i].Mistake(); err != nil {
			return nil, err
		}
	}
	return l.enter(path, rules)
}

func (l *List) enter(path string, rules []Rule) (*List, error) {
	if len(rules) == 0 {
		return l, nil
	}
	inner := &List{}
	if l != nil {
		*inner = *l
	}
	if err := inner.count(rules); err != nil {
		return nil, err
	}
	if path != "" {
		path += "/"
	}
	inner.nested = &level{within: path, set: newRuleSet(rules), above: inner.nested}
	return inner, nil
}

func (l *List) count(rules []Rule) error {
	l.rules += len(rules)
	for i := range rules {
		l.bytes += len(rules[i].text)
	}
	switch {
	case l.rules > maxRules:
		return fmt.Errorf("%d rules in %s and above it, %d at most", l.rules, rules[0].origin, maxRules)
	case l.bytes > maxBytes:
		return fmt.Errorf("%d bytes of rules in %s and above it, %d at most", l.bytes, rules[0].origin, maxBytes)
	}
	return nil
}

// Match reports whether the item at path is left out, and by which rule; without an
// exclusion, by is the rule that brings the item back, or nil. The path is relative
// to the source, with slashes, and clean. Match takes the folders above the item to
// be included, as they are in a walk that enters no excluded folder.
func (l *List) Match(path string, isFolder bool) (excluded bool, by fmt.Stringer) {
	r := l.deciding(path, isFolder)
	if r == nil {
		return false, nil
	}
	return !r.include, r
}

// MatchPath is Match for a path that no walk led to: an excluded folder above the
// item decides.
func (l *List) MatchPath(path string, isFolder bool) (excluded bool, by fmt.Stringer) {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if excluded, by = l.Match(path[:i], true); excluded {
			return excluded, by
		}
	}
	return l.Match(path, isFolder)
}

// deciding returns the rule that decides about the item at path, or nil.
func (l *List) deciding(path string, isFolder bool) *Rule {
	if l == nil || path == "" {
		return nil
	}
	base := path[strings.LastIndexByte(path, '/')+1:]
	r := l.given.last(path, base, isFolder)
	for n := l.nested; r == nil && n != nil; n = n.above {
		if below, ok := strings.CutPrefix(path, n.within); ok {
			r = n.set.last(below, base, isFolder)
		}
	}
	return r
}
