package filter

import (
	"slices"
	"strings"
)

type opKind uint8

const (
	opLiteral  opKind = iota
	opAny             // ?: one byte but a slash
	opSet             // [...]: one byte of a set but a slash, even if the set has it
	opStar            // *: any bytes but slashes
	opDirs            // **/ : nothing, or anything up to and with a slash
	opSomeDirs        // **\/ : anything up to and with a slash
	opRest            // ** at the end: anything
)

// op is one step of a compiled glob.
type op struct {
	kind opKind
	set  *byteSet // of opSet
	text string   // of opLiteral, escapes resolved
}

// parseGlob compiles a glob as git's wildmatch reads it, for a path or else for one name.
// The bytes before start are not special. It returns false for a glob that matches
// nothing, because of a lone backslash at the end or a malformed set.
func parseGlob(glob string, start int, forPath bool) ([]op, bool) {
	var ops []op
	var literal []byte
	flush := func() {
		if len(literal) > 0 {
			ops = append(ops, op{kind: opLiteral, text: string(literal)})
			literal = literal[:0]
		}
	}
	for i := 0; i < len(glob); {
		switch c := glob[i]; c {
		case '\\':
			if i+1 == len(glob) {
				return nil, false
			}
			literal = append(literal, glob[i+1])
			i += 2
		case '?':
			flush()
			ops = append(ops, op{kind: opAny})
			i++
		case '[':
			set, next, ok := parseSet(glob, i+1)
			if !ok {
				return nil, false
			}
			flush()
			ops = append(ops, op{kind: opSet, set: set})
			i = next
		case '*':
			flush()
			kind, next := parseStars(glob, i, start, forPath)
			ops = append(ops, op{kind: kind})
			i = next
		default:
			literal = append(literal, c)
			i++
		}
	}
	flush()
	return slices.Clone(ops), true // without what append kept in reserve
}

// parseStars reads the stars at i and, after **, the slash that belongs to them.
// Only ** that is a whole component crosses slashes.
func parseStars(glob string, i, start int, forPath bool) (opKind, int) {
	after := i
	for after < len(glob) && glob[after] == '*' {
		after++
	}
	if !forPath || after-i < 2 || i != start && glob[i-1] != '/' {
		return opStar, after
	}
	switch rest := glob[after:]; {
	case rest == "":
		return opRest, after
	case rest[0] == '/':
		return opDirs, after + 1
	case strings.HasPrefix(rest, `\/`):
		return opSomeDirs, after + 2
	}
	return opStar, after
}

// matchGlob reports whether ops match all of s. Its work is at most in the order of
// len(s) times the length of the glob, because it tries only the last * and the last **
// again. That is enough: a later ** can take whatever an earlier choice left. A * takes
// no slash, so all choices for it since the last ** lead to places in one component,
// where the next * can take what they left. A ** starts again at the beginnings of
// components only, so each component of the glob meets each component of s once.
func matchGlob(ops []op, s string) bool {
	i, at := 0, 0 // the next op and byte
	var star starTry
	dirs, dirsAt := -1, 0 // the op after the last **, and where it was tried
	for {
		if i < len(ops) {
			switch o := &ops[i]; o.kind {
			case opRest:
				return true
			case opDirs:
				i++
				dirs, dirsAt, star.on = i, at, false
				continue
			case opSomeDirs:
				slash := strings.IndexByte(s[at:], '/')
				if slash < 0 {
					return false
				}
				i, at = i+1, at+slash+1
				dirs, dirsAt, star.on = i, at, false
				continue
			case opStar:
				i++
				star.begin(ops[i:], i, s, at)
				if star.on {
					at = star.at
					continue
				}
			default:
				if n, ok := o.one(s[at:]); ok {
					i, at = i+1, at+n
					continue
				}
				star.next(s)
			}
		} else {
			if at == len(s) {
				return true
			}
			star.next(s)
		}
		switch {
		case star.on:
			i, at = star.op, star.at
		case dirs >= 0:
			slash := strings.IndexByte(s[dirsAt:], '/')
			if slash < 0 {
				return false
			}
			dirsAt += slash + 1
			i, at = dirs, dirsAt
		default:
			return false
		}
	}
}

// starTry is the last * of a match and the place after it that is tried.
type starTry struct {
	on      bool // there is one, and it has such a place
	op      int  // the op after it
	at      int
	end     int    // of the component, the last place
	literal string // what must stand there, if known
}

// begin looks for the first place at or after at. Rest are the ops after the *, from
// number i on.
func (t *starTry) begin(rest []op, i int, s string, at int) {
	*t = starTry{op: i, at: at, end: len(s)}
	if slash := strings.IndexByte(s[at:], '/'); slash >= 0 {
		t.end = at + slash
	}
	if len(rest) > 0 && rest[0].kind == opLiteral {
		t.literal = rest[0].text
	}
	t.find(s)
}

// next looks for the place after the present one.
func (t *starTry) next(s string) {
	if t.on {
		t.at++
		t.find(s)
	}
}

// find moves on to where the literal stands.
func (t *starTry) find(s string) {
	if t.on = t.at <= t.end; !t.on || t.literal == "" {
		return
	}
	n := strings.Index(s[t.at:min(len(s), t.end+len(t.literal))], t.literal)
	t.at += n
	t.on = n >= 0
}

// one matches an op of fixed length at the start of s and returns that length.
func (o *op) one(s string) (int, bool) {
	switch {
	case o.kind == opLiteral:
		return len(o.text), strings.HasPrefix(s, o.text)
	case s == "" || s[0] == '/':
		return 0, false
	}
	return 1, o.kind == opAny || o.set.has(s[0])
}
