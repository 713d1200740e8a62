//go:build faults && linux

package faults

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
)

// words is what a run said of items, by their path below the source.
type words struct {
	failed  map[string]bool
	left    map[string]bool            // left out by rule
	lost    map[string]map[string]bool // metadata, by item
	forAll  map[string]bool            // metadata that no item has
	settled map[string]told
	renamed map[string]string
}

// wordsOf reads what a process said. Items are named below one of the roots: as
// the source was named, or as it lands.
func wordsOf(e ending, roots ...string) words {
	w := words{failed: make(map[string]bool), left: make(map[string]bool), lost: make(map[string]map[string]bool),
		forAll: make(map[string]bool), settled: make(map[string]told), renamed: make(map[string]string)}
	for _, t := range e.all {
		at := below(exact(t.Path, t.Base64), roots)
		switch t.Type {
		case "failed":
			w.failed[at] = true
		case "notice":
			w.left[at] = true
		case "item":
			w.settled[at] = t
			if t.Status == "renamed" {
				w.renamed[at] = below(exact(t.NewName, t.NewBase64), roots)
			}
		case "warned":
			if t.Path == "" {
				w.forAll[t.What] = true
				continue
			}
			if w.lost[at] == nil {
				w.lost[at] = make(map[string]bool)
			}
			w.lost[at][t.What] = true
		}
	}
	for _, l := range e.result.Lost {
		if l.Items == 0 {
			w.forAll[l.What] = true
		}
	}
	return w
}

// exact is a name as it is, from its text and its bytes.
func exact(text, b64 string) string {
	if b, err := base64.StdEncoding.DecodeString(b64); err == nil && len(b) > 0 {
		return string(b)
	}
	return text
}

// below is a path relative to the first root that it lies in, "." for a root.
func below(at string, roots []string) string {
	at = strings.TrimSuffix(at, "/")
	for _, root := range roots {
		if at == root {
			return "."
		}
		if rest, in := strings.CutPrefix(at, root+"/"); in {
			return rest
		}
	}
	return at
}

// named reports whether the item, or a folder that it is in, is in the set.
func named(set map[string]bool, at string) bool {
	for ; ; at = path.Dir(at) {
		if set[at] {
			return true
		}
		if at == "." || at == "/" {
			return false
		}
	}
}

// told reports whether the run said that the item lacks that.
func (w words) told(d difference) bool { return w.forAll[d.what] || w.lost[d.path][d.what] }

// complaints are broken rules, each with the items that show it.
type complaints struct {
	rules []string // in the order in which they were found
	items map[string][]string
}

// add notes that an item breaks a rule.
func (c *complaints) add(rule, item string, args ...any) {
	if c.items == nil {
		c.items = make(map[string][]string)
	}
	if c.items[rule] == nil {
		c.rules = append(c.rules, rule)
	}
	c.items[rule] = append(c.items[rule], fmt.Sprintf(item, args...))
}

// lines tell each rule once, with how often it is broken and the first items.
func (c complaints) lines() (lines []string) {
	const shown = 3
	for _, rule := range c.rules {
		var items []string
		for _, item := range c.items[rule] {
			items = append(items, middle(item))
		}
		lines = append(lines, fmt.Sprintf("%s, %d times: %s", rule, len(items), strings.Join(items[:min(len(items), shown)], "; ")))
	}
	return lines
}

// middle cuts what is long, as a path of 120 folders is.
func middle(s string) string {
	const most = 260
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "…" + s[len(s)-most/2:]
}

// judge holds one run against the promise: ends are the processes of it, before
// and got what stood at the target before and after.
func (l *landing) judge(ends []ending, before, got census) (c complaints) {
	want := l.sent
	differs := want.against(got, l.wish, l.target)
	for _, e := range ends {
		w := wordsOf(e, l.roots...)
		switch e.exit {
		case 0:
			if !e.result.OK {
				c.add(e.name+": exit code 0 and a result that is not ok", "%v", e)
			}
		case 1, 6:
			if e.result.OK || e.result.Error.Message == "" {
				c.add(e.name+": no cause", "%v", e)
			}
		default:
			c.add(e.name+": a fault of the target ended it with another code", "%v", e)
		}
		if e.result.Type != "result" {
			c.add(e.name+": no result", "%v", e)
		}
		for at, t := range w.settled {
			if f, known := want[at]; known && t.Digest != "" && t.Digest != f.digest {
				c.add(e.name+": another digest", "%q", at)
			}
		}
		if e.exit == 0 && len(w.failed) > 0 {
			c.add(e.name+": exit code 0 and items failed", "%d", len(w.failed))
		}
		if e.exit > 1 {
			continue
		}
		for _, d := range differs {
			switch as := w.renamed[d.path]; {
			case as != "" && got[as].digest == want[d.path].digest:
			case d.whole() && e.exit == 0:
				c.add(e.name+": exit code 0 in spite of "+d.what, "%v", d)
			case d.whole() && !named(w.failed, d.path):
				c.add(e.name+": exit code 1, not named: "+d.what, "%v", d)
			case d.what == "special file" && (w.left[d.path] || named(w.failed, d.path)):
			case !d.whole() && !w.told(d) && !w.told(difference{path: want[d.path].twin, what: d.what}) && !named(w.failed, d.path):
				c.add(e.name+": not told: "+d.what, "exit code %d, %v", e.exit, d)
			}
		}
	}
	c.litter(l, ends, before, got)
	return c
}

// litter: under each name stands something old or something new, and what is of
// ferry's own is in its folder, which only a failure leaves.
func (c *complaints) litter(l *landing, ends []ending, before, got census) {
	failed := slices.ContainsFunc(ends, func(e ending) bool { return e.exit != 0 })
	renamed, notices := make(map[string]bool), false
	for _, e := range ends {
		w := wordsOf(e, l.roots...)
		for _, as := range w.renamed {
			renamed[as] = true
		}
		for at := range w.left {
			notices = notices || stateful(at)
		}
	}
	for _, at := range got.paths() {
		old, was := before[at]
		have := got[at]
		switch {
		case stateful(at):
			if !failed && !was && !l.target.keepsState && !notices {
				c.add("success left something", "%q", at)
			}
		case !was && !l.comes(at) && !renamed[at]:
			c.add("something is there that was neither there nor sent", "%q", at)
		case have.kind != "file" || was && old.digest == have.digest || renamed[at]:
		case l.brings(at, have.digest):
		default:
			c.add("neither the old nor the new", "%q, %d bytes", at, have.size)
		}
	}
	for at := range before {
		if _, there := got[at]; !there && !stateful(at) {
			c.add("what was there is gone", "%q", at)
		}
	}
}

// comes reports whether something is sent to that name.
func (l *landing) comes(at string) bool {
	_, comes := l.target.finds(l.sent, at)
	return comes
}

// brings reports whether a file with that content is sent to that name: where
// letters are folded, one of several.
func (l *landing) brings(at, digest string) bool {
	if l.sent[at].digest == digest {
		return true
	}
	for as, f := range l.sent {
		if l.target.folds && strings.EqualFold(as, at) && f.digest == digest {
			return true
		}
	}
	return false
}

// stateful reports whether a path is in ferry's own folder.
func stateful(at string) bool {
	for part := range strings.SplitSeq(at, "/") {
		if part == partials || strings.HasPrefix(part, partials+"-") {
			return true
		}
	}
	return false
}

// again holds a second run against the first, of which the target is the same.
func (l *landing) again(first, second ending) (c complaints) {
	if first.exit != second.exit && !l.target.fickle {
		c.add("another exit code, again", "%v, and then %v", first, second)
	}
	before := wordsOf(first, l.roots...)
	for at, t := range wordsOf(second, l.roots...).settled {
		moved := t.Status == "delivered" || t.Status == "replaced" || t.Status == "renamed"
		one := before.settled[at].Status
		had := one == "delivered" || one == "replaced" || one == "renamed" || one == "unchanged" || one == "adjusted"
		if moved && t.Kind == "file" && had {
			c.add("delivered again", "%q was %s and is %s", at, one, t.Status)
		}
	}
	if first.exit == 0 && second.result.Moved > 0 {
		c.add("moved again", "%d bytes", second.result.Moved)
	}
	return c
}

// less tells what cp -a keeps and ferry does not. Where hard links cannot be made,
// each brings the name of a file that it meets first.
func less(sent census, cp, ferry []difference, exempt func(path string) bool) (c complaints) {
	lacks := make(map[string]bool)
	for _, d := range cp {
		lacks[d.path+"\x00"+d.what] = true
		if d.whole() || d.what == "special file" {
			lacks[d.path], lacks["a name of "+sent[d.path].twin] = true, true
		}
	}
	lacks["a name of "] = false // that is a folder
	for _, d := range ferry {
		if !lacks[d.path] && !lacks["a name of "+sent[d.path].twin] && !lacks[d.path+"\x00"+d.what] && !exempt(d.path) {
			c.add("less than cp -a: "+d.what, "%v", d)
		}
	}
	return c
}
