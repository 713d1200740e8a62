package keys

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a file of keys.
const (
	maxFile = 1 << 20  // bytes
	maxLine = 16 << 10 // bytes
)

// entry is a key of the file, in wire format, and what it may do.
type entry struct {
	key   []byte
	kind  string
	grant Grant
}

// String is a line that reads as this entry.
func (e entry) String() string {
	words := []string{e.kind, base64.StdEncoding.EncodeToString(e.key)}
	if options := e.grant.options(); options != "" {
		words = slices.Insert(words, 0, options)
	}
	if e.grant.Comment != "" {
		words = append(words, e.grant.Comment)
	}
	return strings.Join(words, " ")
}

// parseAuthorized reads a file of keys, with sshd's syntax: empty lines, lines that begin
// with #, and keys with options before them. Any bad line is an error that names it.
func parseAuthorized(data []byte) (all []entry, err error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	lines := make(map[string]int)
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.Trim(string(bytes.TrimRight(line, "\r\n")), " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		e, err := parseEntry(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if before := lines[string(e.key)]; before != 0 {
			return nil, fmt.Errorf("line %d: the key is on line %d already: one of them has to go", number, before)
		}
		lines[string(e.key)] = number
		e.grant.Line = number
		all = append(all, e)
	}
	return all, nil
}

var errNoKey = errors.New("no key is in it: a line is options, type, key and comment, as in path=\"in/alice\",upload ssh-ed25519 AAAA… alice")

// parseEntry reads one line without spaces around it.
func parseEntry(text string) (e entry, err error) {
	if len(text) > maxLine {
		return e, fmt.Errorf("it has %d bytes, %d at most", len(text), maxLine)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return e, errors.New("a zero byte is in it")
	}
	kind, rest := nextWord(text)
	if !isKeyType(kind) {
		if rest, err = e.grant.parseOptions(text); err != nil {
			return e, err
		}
		kind, rest = nextWord(rest)
	}
	switch g := &e.grant; {
	case !g.Upload && !g.Download:
		g.Upload, g.Download = true, true
	case !g.Upload && g.Delete:
		return e, errors.New("delete is for uploads, and the key has download alone")
	}
	code, comment := nextWord(rest)
	if kind == "" || code == "" {
		return e, errNoKey
	}
	if !slices.Contains(keyTypes, kind) {
		return e, fmt.Errorf("%.60q: %w", kind, errKeyType)
	}
	if e.key, err = base64.StdEncoding.DecodeString(code); err != nil {
		return e, fmt.Errorf("the key behind %s is damaged: %w", kind, err)
	}
	pub, err := parsePublic(e.key)
	if err != nil {
		return e, err
	}
	if pub.Type() != kind {
		return e, fmt.Errorf("the key says that it is %s, and the line says %s", pub.Type(), kind)
	}
	e.kind, e.grant.Comment, e.grant.Fingerprint = kind, comment, Fingerprint(e.key)
	return e, nil
}

// isKeyType tells the type of a key, taken or not, from an option.
func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-")
}

// nextWord cuts a line at its first space or tab.
func nextWord(text string) (word, rest string) {
	i := strings.IndexAny(text, " \t")
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimLeft(text[i:], " \t")
}

// parseOptions reads the options, which end at the first space outside of quotes, and
// returns what is behind them. As sshd has it, a quote within quotes is written \", and
// names are taken in whatever case.
func (g *Grant) parseOptions(text string) (rest string, err error) {
	seen := make(map[string]bool)
	for {
		end := strings.IndexAny(text, "=, \t")
		if end < 0 {
			end = len(text)
		}
		name := strings.ToLower(text[:end])
		text = text[end:]
		var value *string
		if strings.HasPrefix(text, "=") {
			var inner string
			if inner, text, err = quoted(text[1:]); err != nil {
				return "", fmt.Errorf("%.60s: %w", name, err)
			}
			value = &inner
		}
		if text == "" && value == nil {
			return "", errNoKey // a word alone is more likely a key that was cut off
		}
		if err := g.set(name, value); err != nil {
			return "", err
		}
		once := name
		if once == "expiry-time" {
			once = "expires"
		}
		if seen[once] {
			return "", fmt.Errorf("%s is given twice", once)
		}
		seen[once] = true
		switch {
		case text == "":
			return "", errNoKey
		case text[0] != ',':
			return strings.TrimLeft(text, " \t"), nil
		}
		text = text[1:]
	}
}

// quoted reads a value in quotes, and returns what is behind it, which is the end, a comma,
// or a space.
func quoted(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", errors.New("the value needs quotes around it")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && strings.HasPrefix(text[i+1:], `"`):
			i++
		case text[i] == '"':
			if rest = text[i+1:]; rest != "" && !strings.ContainsAny(rest[:1], ", \t") {
				return "", "", errors.New("something stands behind the closing quote")
			}
			return b.String(), rest, nil
		}
		b.WriteByte(text[i])
	}
	return "", "", errors.New("the closing quote is missing")
}
