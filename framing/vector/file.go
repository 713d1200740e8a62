package vector

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// lineBytes is how many bytes stand in one line of digits.
const lineBytes = 48

// Read returns the stanzas of the file at path.
func Read(path string) ([]Stanza, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading vectors: %w", err)
	}
	all, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading vectors: %s: %w", path, err)
	}
	return all, nil
}

func parse(text string) (all []Stanza, err error) {
	var now Stanza
	end := func() {
		if len(now.fields) > 0 {
			all = append(all, now)
		}
		now = Stanza{}
	}
	// A checkout may have ended the lines in its own way.
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		line = strings.TrimSuffix(line, "\n")
		digits, more := strings.CutPrefix(line, "  ")
		key, value, found := strings.Cut(line, ":")
		switch {
		case line == "":
			end()
		case strings.HasPrefix(line, "#"):
		case more && len(now.fields) > 0:
			now.fields[len(now.fields)-1].value += digits
		case more || !found:
			return nil, fmt.Errorf("a line without a key: %q", line)
		case now.Has(key):
			return nil, fmt.Errorf("%q twice in the stanza %q", key, now.name())
		default:
			now.Add(key, strings.TrimPrefix(value, " "))
		}
	}
	end()
	return all, nil
}

// Write replaces the file at path. Comment becomes the lines for people at its head,
// and may be empty. Long digits go on indented lines.
func Write(path, comment string, all []Stanza) error {
	var b bytes.Buffer
	for line := range strings.Lines(comment) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSuffix(line, "\n"))
	}
	for i, s := range all {
		if i > 0 || comment != "" {
			b.WriteByte('\n')
		}
		for _, f := range s.fields {
			writeField(&b, f)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing vectors: %w", err)
	}
	return nil
}

func writeField(b *bytes.Buffer, f field) {
	if len(f.value) <= 2*lineBytes || strings.Trim(f.value, "0123456789abcdef") != "" {
		fmt.Fprintf(b, "%s: %s\n", f.key, f.value)
		return
	}
	fmt.Fprintf(b, "%s:\n", f.key)
	for rest := f.value; rest != ""; {
		n := min(2*lineBytes, len(rest))
		fmt.Fprintf(b, "  %s\n", rest[:n])
		rest = rest[n:]
	}
}
