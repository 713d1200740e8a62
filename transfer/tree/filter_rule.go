package tree

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Rule is one pattern of a filter, made by ExcludeRule, IncludeRule or ReadRules.
type Rule struct {
	Text    string // as it was written, not escaped for people
	Include bool   // brings back what an earlier rule left out
	Origin  string // the flag, or the name of the file
	Line    int    // in the file, from 1; 0 for a flag

	pattern pattern
}

// String says which pattern it is and where it stands. Neither is escaped.
func (r *Rule) String() string {
	if r.Line == 0 {
		return fmt.Sprintf("%s (%s)", r.Text, r.Origin)
	}
	return fmt.Sprintf("%s (line %d of %s)", r.Text, r.Line, r.Origin)
}

// Dead reports that the rule matches nothing, whatever the names: it is empty,
// ends in a lone backslash, or has a [ without its ] or an unknown [:class:].
// As in git that is no error, and worth a warning.
func (r *Rule) Dead() bool { return r.pattern.dead }

// Mistake returns why the rule can match no item, naming it and where it stands, or
// nil. git takes such a rule without a word. Whoever sends files must not: what the
// rule was to keep back would be sent.
func (r *Rule) Mistake() error {
	if r.Dead() {
		return fmt.Errorf("the pattern %s can match nothing: it is empty, ends in a lone backslash, or has a [ without its ] or an unknown class", r)
	}
	if r.pattern.part == "" {
		return nil
	}
	return fmt.Errorf("the pattern %s can match nothing: no path here has %s in it; write /d for d in each PATH itself, d for every d, and a/d for d in a", r, r.pattern.part)
}

// ExcludeRule is the rule of --exclude. Unlike a line of a file the text is the
// pattern as it is: # starts no comment and spaces at the end count. A ! at the
// start makes it an include. It fails for more than MaxPattern bytes or a zero byte.
func ExcludeRule(text string) (Rule, error) {
	r := Rule{Text: text, Origin: "--exclude"}
	p := text
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		r.Include, p = true, rest
	}
	return r, r.compile(p)
}

// IncludeRule is the rule of --include: that of --exclude with a ! before it.
func IncludeRule(text string) (Rule, error) {
	r := Rule{Text: text, Origin: "--include", Include: true}
	return r, r.compile(text)
}

func (r *Rule) compile(p string) error {
	var err error
	switch {
	case len(r.Text) > MaxPattern:
		err = fmt.Errorf("pattern of %d bytes, %d at most", len(r.Text), MaxPattern)
	case strings.IndexByte(r.Text, 0) >= 0:
		err = fmt.Errorf("pattern contains a zero byte")
	default:
		r.pattern = compilePattern(p)
		return nil
	}
	if r.Line == 0 {
		return fmt.Errorf("%s: %w", r.Origin, err)
	}
	return fmt.Errorf("line %d of %s: %w", r.Line, r.Origin, err)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// ReadRules reads a file of patterns, one a line, as gitignore(5) has it: empty
// lines and those that start with # say nothing, spaces at the end are dropped
// unless a backslash is before them, so is one carriage return, and a UTF-8 byte
// order mark at the start of the file. The name appears in errors and as Origin.
//
// Errors: one of reading, more than MaxFilterBytes in all, MaxRules rules or
// MaxPattern bytes in one, and a zero byte, where git would cut the pattern off.
func ReadRules(file io.Reader, name string) ([]Rule, error) {
	text, err := io.ReadAll(io.LimitReader(file, MaxFilterBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading patterns from %s: %w", name, err)
	}
	if len(text) > MaxFilterBytes {
		return nil, fmt.Errorf("reading patterns from %s: more than %d bytes", name, MaxFilterBytes)
	}
	var rules []Rule
	line := 0
	for raw := range bytes.SplitSeq(bytes.TrimPrefix(text, byteOrderMark), []byte("\n")) {
		line++
		if len(raw) == 0 || raw[0] == '#' {
			continue
		}
		p := trimSpaces(string(bytes.TrimSuffix(raw, []byte("\r"))))
		if p == "" {
			continue
		}
		if len(rules) == MaxRules {
			return nil, fmt.Errorf("line %d of %s: more than %d rules", line, name, MaxRules)
		}
		r := Rule{Text: p, Origin: name, Line: line}
		if rest, ok := strings.CutPrefix(p, "!"); ok {
			r.Include, p = true, rest
		}
		if err := r.compile(p); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// trimSpaces drops the spaces at the end that no backslash protects. Tabs stay.
func trimSpaces(line string) string {
	end := 0 // after the last byte that stays
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == ' ':
			continue
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}
