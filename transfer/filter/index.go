package filter

import (
	"slices"
	"sync/atomic"
)

// ruleSet is an ordered list of rules with an index, so that of a thousand rules
// only the few that can match a path are tried.
type ruleSet struct {
	rules  []Rule
	byName index
	byPath index
	// met says for each rule whether it decided about an item; nil if nobody asks.
	met []atomic.Bool
}

func newRuleSet(rules []Rule) ruleSet {
	s := ruleSet{rules: slices.Clone(rules)}
	// From the last to the first, the order of each list of candidates.
	for i := len(s.rules) - 1; i >= 0; i-- {
		switch p := &s.rules[i].pattern; {
		case p.dead || len(p.ops) == 0:
		case p.byName:
			s.byName.add(p, int32(i))
		default:
			s.byPath.add(p, int32(i))
		}
	}
	return s
}

// last returns the last rule that matches the path, whose last component is base.
func (s *ruleSet) last(path, base string, isFolder bool) *Rule {
	found := s.byName.last(s.rules, base, isFolder, -1)
	found = s.byPath.last(s.rules, path, isFolder, found)
	// -1 is before every rule.
	if found < 0 {
		return nil
	}
	// Most items meet rules that were met before. A load costs nothing; a store would
	// move the line between the caches of all goroutines that match.
	if s.met != nil && !s.met[found].Load() {
		s.met[found].Store(true)
	}
	return &s.rules[found]
}

// index finds rules by the literal part of their patterns. The numbers are places in the
// list of rules, in descending order.
type index struct {
	exact  map[string][]int32
	suffix affixes
	prefix affixes
	others []int32
}

// affixes are the starts or the ends of patterns.
type affixes struct {
	rules   map[string][]int32
	lengths []int // of the keys, each once
}

func (x *index) add(p *pattern, i int32) {
	if text, ok := p.exact(); ok {
		if x.exact == nil {
			x.exact = make(map[string][]int32)
		}
		x.exact[text] = append(x.exact[text], i)
	} else if text, ok := p.suffix(); ok {
		x.suffix.add(text, i)
	} else if text, ok := p.prefix(); ok {
		x.prefix.add(text, i)
	} else {
		x.others = append(x.others, i)
	}
}

func (a *affixes) add(text string, i int32) {
	if a.rules == nil {
		a.rules = make(map[string][]int32)
	}
	a.rules[text] = append(a.rules[text], i)
	if at, ok := slices.BinarySearch(a.lengths, len(text)); !ok {
		a.lengths = slices.Insert(a.lengths, at, len(text))
	}
}

// last returns the place of the last rule that matches s, or found if that is later.
func (x *index) last(rules []Rule, s string, isFolder bool, found int32) int32 {
	if x.exact != nil {
		found = lastOf(rules, x.exact[s], s, isFolder, found)
	}
	// One lookup a length: rules of one kind, such as *.c, share few of them.
	for _, n := range x.suffix.lengths {
		if n > len(s) {
			break
		}
		found = lastOf(rules, x.suffix.rules[s[len(s)-n:]], s, isFolder, found)
	}
	for _, n := range x.prefix.lengths {
		if n > len(s) {
			break
		}
		found = lastOf(rules, x.prefix.rules[s[:n]], s, isFolder, found)
	}
	return lastOf(rules, x.others, s, isFolder, found)
}

func lastOf(rules []Rule, candidates []int32, s string, isFolder bool, found int32) int32 {
	for _, i := range candidates {
		// A rule that comes later has decided already.
		if i < found {
			break
		}
		p := &rules[i].pattern
		if (isFolder || !p.folderOnly) && matchGlob(p.ops, s) {
			return i
		}
	}
	return found
}
