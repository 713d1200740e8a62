package checksum

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// b3sumParse is parse_check_line of b3sum, kept as it is there so that it can be held
// beside it: that of version 1.8, or with old that of 1.2. ok is false where it fails.
func b3sumParse(line string, old bool) (d Digest, name string, ok bool) {
	if !utf8.ValidString(line) {
		return d, "", false
	}
	if old {
		line = strings.TrimRight(line, "\n")
	} else {
		line = strings.TrimRight(line, "\r\n")
	}
	rest, escaped := strings.CutPrefix(line, `\`)
	hash, file, found := strings.Cut(rest, "  ")
	if old {
		if found = len(rest) > 66 && rest[64:66] == "  "; found {
			hash, file = rest[:64], rest[66:]
		}
	} else if !found {
		if tagged, is := strings.CutPrefix(rest, "BLAKE3 ("); is {
			if at := strings.LastIndex(tagged, ") = "); at >= 0 {
				file, hash, found = tagged[:at], tagged[at+4:], true
			}
		}
	}
	if !found || len(hash) != 64 || strings.ToLower(hash) != hash {
		return d, "", false
	}
	if _, err := hex.Decode(d[:], []byte(hash)); err != nil {
		return d, "", false
	}
	if escaped {
		var plain strings.Builder
		for i := 0; i < len(file); i++ {
			if file[i] != '\\' {
				plain.WriteByte(file[i])
				continue
			}
			i++
			switch {
			case i == len(file):
				return d, "", false
			case file[i] == 'n':
				plain.WriteByte('\n')
			case file[i] == 'r' && !old:
				plain.WriteByte('\r')
			case file[i] == '\\':
				plain.WriteByte('\\')
			default:
				return d, "", false
			}
		}
		file = plain.String()
	}
	if file == "" || strings.ContainsAny(file, "\x00\uFFFD") {
		return d, "", false
	}
	return d, file, true
}

// b3sumLine is what b3sum 1.8 prints for a name that is UTF-8, with tag as --tag does.
func b3sumLine(d Digest, name string, tag bool) string {
	escape := ""
	if strings.ContainsAny(name, "\\\n\r") {
		escape = `\`
		name = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	}
	if tag {
		return escape + "BLAKE3 (" + name + ") = " + d.String() + "\n"
	}
	return escape + d.String() + "  " + name + "\n"
}

var b3sumNames = []string{
	"plain", "a/b c", " ", "  two", "end ", "*star", `back\slash`, `\n`, "new\nline", "cr\r", "\r", "\r\n", "a\rb", "a\rb\\", "a\rb\r",
	") = ", "BLAKE3 (x) = y", "BLAKE3 (", "é", "日本", "-", "#", strings.Repeat("0", 64) + "  x",
}

func TestBothVersionsOfB3sumReadOurLines(t *testing.T) {
	for _, name := range b3sumNames {
		checkWritten(t, name)
	}
}

// checkWritten wants what AppendLine writes to be what b3sum 1.8 and 1.2 read, but
// for what no line can say to both: a carriage return at the end of a name.
func checkWritten(t *testing.T, name string) {
	t.Helper()
	d := Sum([]byte(name))
	line := string(AppendLine(nil, d, []byte(name)))
	if got, read, ok := b3sumParse(line, false); !ok || got != d || read != name {
		t.Errorf("b3sum 1.8 reads %q as %q, %v", line, read, ok)
	}
	_, read, ok := b3sumParse(line, true)
	if strings.HasSuffix(name, "\r") {
		if ok {
			t.Errorf("b3sum 1.2 takes %q for %q, and is to refuse it", line, read)
		}
	} else if !ok || read != name {
		t.Errorf("b3sum 1.2 reads %q as %q, %v", line, read, ok)
	}
	if !strings.Contains(name, "\r") && line != b3sumLine(d, name, false) {
		t.Errorf("%q is not what b3sum writes: %q", line, b3sumLine(d, name, false))
	}
}

func TestWeReadTheLinesOfB3sum(t *testing.T) {
	for _, name := range b3sumNames {
		checkRead(t, name)
	}
}

// checkRead wants parseLine to give back what b3sum 1.8 writes, as it is and as a
// program of Windows leaves it.
func checkRead(t *testing.T, name string) {
	t.Helper()
	want := Sum([]byte(name))
	for _, tag := range []bool{false, true} {
		line := b3sumLine(want, name, tag)
		for _, l := range []string{line, strings.TrimSuffix(line, "\n"), strings.TrimSuffix(line, "\n") + "\r\n"} {
			if d, got, err := parseB3([]byte(l)); err != nil || d != want || string(got) != name {
				t.Errorf("%q is read as %q, %v", l, got, err)
			}
		}
	}
}

// FuzzB3sum holds names and lines against what b3sum does with them.
func FuzzB3sum(f *testing.F) {
	for _, name := range b3sumNames {
		f.Add([]byte(name))
		f.Add(AppendLine(nil, Digest{}, []byte(name)))
		f.Add([]byte(b3sumLine(Digest{}, name, true)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := string(text)
		if s != "" && utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\uFFFD") {
			checkWritten(t, s)
			checkRead(t, s)
		}
		// What b3sum takes is taken, for the same file. A line of a file has one newline.
		line, _, _ := bytes.Cut(text, []byte("\n"))
		want, name, ok := b3sumParse(string(line), false)
		d, got, err := parseB3(line)
		if ok && (err != nil || d != want || string(got) != name) {
			t.Errorf("%q is %q to b3sum and %q here, %v", line, name, got, err)
		}
	})
}

// parseB3 is parseLine for lines of BLAKE3. Lines that only other programs write are
// refused, as b3sum does.
func parseB3(line []byte) (Digest, []byte, error) {
	r, err := parseLine(line)
	switch {
	case err != nil:
		return Digest{}, nil, err
	case r.kind != BLAKE3 && r.kind != Either:
		return Digest{}, nil, fmt.Errorf("a line of %v", r.kind)
	}
	return Digest(r.sum), r.name, nil
}
