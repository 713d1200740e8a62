package filter

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Rule is one pattern, made by Exclude, Include or Read.
type Rule struct {
	text    string // as it was written, not escaped for people
	include bool   // brings back what an earlier rule left out
	origin  string // the flag, or the name of the file
	line    int    // in the file, from 1; 0 for a flag

	pattern pattern
}

// String names the pattern and where it stands, neither of them escaped.
func (r *Rule) String() string {
	if r.line == 0 {
		return fmt.Sprintf("%s (%s)", r.text, r.origin)
	}
	return fmt.Sprintf("%s (line %d of %s)", r.text, r.line, r.origin)
}

// Mistake returns why the rule can match no item, or nil. The error names the rule
// and where it stands. git takes such a rule without a word. A sender must not, because
// the items that the rule was to keep back would be sent.
func (r *Rule) Mistake() error {
	if r.pattern.dead {
		return fmt.Errorf("the pattern %s can match nothing: it is empty, ends in a lone backslash, or has a [ without its ] or an unknown class", r)
	}
	if r.pattern.part == "" {
		return nil
	}
	return fmt.Errorf("the pattern %s can match nothing: no path here has %s in it; write /d for d in each PATH itself, d for every d, and a/d for d in a", r, r.pattern.part)
}

// Exclude returns the rule of --exclude. Unlike a line of a file the text is the
// pattern as it is: # starts no comment and spaces at the end count. A ! at the start
// makes it an include. A pattern of more than 4 KiB or with a zero byte is an error.
func Exclude(text string) (Rule, error) {
	r := Rule{text: text, origin: "--exclude"}
	p := text
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		r.include, p = true, rest
	}
	return r, r.compile(p)
}

// Include returns the rule of --include: the rule of --exclude with a ! before the
// pattern. Its errors are those of Exclude.
func Include(text string) (Rule, error) {
	r := Rule{text: text, origin: "--include", include: true}
	return r, r.compile(text)
}

func (r *Rule) compile(p string) error {
	var err error
	switch {
	case len(r.text) > maxPattern:
		err = fmt.Errorf("pattern of %d bytes, %d at most", len(r.text), maxPattern)
	case strings.IndexByte(r.text, 0) >= 0:
		err = fmt.Errorf("pattern contains a zero byte")
	default:
		r.pattern = compilePattern(p)
		return nil
	}
	if r.line == 0 {
		return fmt.Errorf("%s: %w", r.origin, err)
	}
	return fmt.Errorf("line %d of %s: %w", r.line, r.origin, err)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Read reads a rule file, one pattern a line, as gitignore(5) has it. Empty lines and
// lines that start with # say nothing. Read drops a UTF-8 byte order mark at the start
// of the file, one carriage return at the end of a line, and spaces there unless a
// backslash protects them. The name of the file appears in errors and in the rules.
//
// Errors: one of reading, a file of more than 4 MiB, more than 65536 rules, a
// pattern of more than 4 KiB, and a zero byte, where git would cut the pattern off.
func Read(file io.Reader, name string) ([]Rule, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading patterns from %s: %w", name, err)
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("reading patterns from %s: more than %d bytes", name, maxBytes)
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
		if len(rules) == maxRules {
			return nil, fmt.Errorf("line %d of %s: more than %d rules", line, name, maxRules)
		}
		r := Rule{text: p, origin: name, line: line}
		if rest, ok := strings.CutPrefix(p, "!"); ok {
			r.include, p = true, rest
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
