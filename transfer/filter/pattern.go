package filter

import "strings"

// pattern is a compiled gitignore pattern, without its !.
type pattern struct {
	dead       bool // matches nothing
	folderOnly bool // it ended in a slash
	byName     bool // matched against the last component, at any depth
	ops        []op
	// part names a part between slashes that no path below a source has, such as
	// "..": the pattern can match nothing. It is "" in others.
	part string
}

const globSpecial = `*?[\`

// compilePattern follows gitignore(5) and, where that is silent, git itself.
func compilePattern(text string) pattern {
	var p pattern
	text, p.folderOnly = strings.CutSuffix(text, "/")
	p.byName = strings.IndexByte(text, '/') < 0
	text = strings.TrimPrefix(text, "/")
	p.part = impossiblePart(text)
	// git compares the part before the first special byte by itself, and what
	// follows it is a pattern of its own, where ** may stand at the start:
	// a/b** goes down any number of folders, a/?b** does not.
	start := strings.IndexAny(text, globSpecial)
	if start < 0 {
		start = len(text)
	}
	var ok bool
	p.ops, ok = parseGlob(text, start, !p.byName)
	p.dead = !ok || len(p.ops) == 0
	if !p.dead && !p.byName && p.ops[0].kind == opDirs && !crossesSlash(p.ops[1:]) {
		// **/name is name at any depth, and then it can be looked up.
		p.byName, p.ops = true, p.ops[1:]
		p.dead = len(p.ops) == 0
	}
	return p
}

// impossiblePart names the first part of a pattern, without the slashes at its ends,
// that no path has: paths below a source are clean, and this compares bytes.
func impossiblePart(text string) string {
	for part := range strings.SplitSeq(text, "/") {
		switch strings.ReplaceAll(part, `\`, "") {
		case "":
			return "an empty part (//)"
		case ".":
			return `the part "."`
		case "..":
			return `the part ".."`
		}
	}
	return ""
}

// crossesSlash reports whether ops can match more than one component.
func crossesSlash(ops []op) bool {
	for i := range ops {
		switch ops[i].kind {
		case opDirs, opSomeDirs:
			return true
		case opLiteral:
			if strings.IndexByte(ops[i].text, '/') >= 0 {
				return true
			}
		}
	}
	return false
}

// exact returns the only name or path that p matches.
func (p *pattern) exact() (string, bool) {
	if len(p.ops) == 1 && p.ops[0].kind == opLiteral {
		return p.ops[0].text, true
	}
	return "", false
}

// suffix returns the end of every name that p matches; no other names have it.
func (p *pattern) suffix() (string, bool) {
	if p.byName && len(p.ops) == 2 && p.ops[0].kind == opStar && p.ops[1].kind == opLiteral {
		return p.ops[1].text, true
	}
	return "", false
}

// prefix returns a start that every name or path that p matches has.
func (p *pattern) prefix() (string, bool) {
	if len(p.ops) > 0 && p.ops[0].kind == opLiteral {
		return p.ops[0].text, true
	}
	return "", false
}
