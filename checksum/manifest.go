package checksum

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// AppendLine appends the line that b3sum prints for a file: digest, two spaces,
// name, newline. name is raw bytes with slashes between its parts. In a name
// with a backslash or a newline these are escaped, and the line starts with a
// backslash.
//
// Carriage returns depend on the version. Since 1.5.5 b3sum drops those at the end of a
// line, and writes a carriage return in a name as \r, which older versions refuse. So a
// name that ends in one is written as today's b3sum writes it. Any other name keeps its
// carriage returns as they are, which all versions read.
//
// b3sum has no form for bytes that are not UTF-8: it prints U+FFFD for them, and
// refuses to check a line with that character. Here those bytes, and U+FFFD itself,
// become \xNN in an escaped line, so that a Scanner gives the name back. b3sum refuses
// that one line, as it would refuse its own, and goes on with the next.
func AppendLine(dst []byte, d Digest, name []byte) []byte {
	returns := bytes.HasSuffix(name, []byte{'\r'})
	escaped := returns || bytes.ContainsAny(name, "\\\n") || bytes.ContainsRune(name, utf8.RuneError)
	if escaped {
		dst = append(dst, '\\')
	}
	dst = hex.AppendEncode(dst, d[:])
	dst = append(dst, "  "...)
	if !escaped {
		dst = append(dst, name...)
		return append(dst, '\n')
	}
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		switch {
		case r == '\\':
			dst = append(dst, `\\`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r' && returns:
			dst = append(dst, `\r`...)
		case r == utf8.RuneError: // of one byte, or U+FFFD of three
			for i := range n {
				dst = append(dst, `\x`...)
				dst = hex.AppendEncode(dst, name[i:i+1])
			}
		default:
			dst = append(dst, name[:n]...)
		}
		name = name[n:]
	}
	return append(dst, '\n')
}

// tagStart and tagEnd are around the name in a line of b3sum --tag, and of sha256sum and
// others. Before it stands the kind.
const (
	tagStart = " ("
	tagEnd   = ") = "
)

// record is what a line of a list says.
type record struct {
	kind Kind
	sum  []byte
	name []byte
}

// parseLine reads a line that AppendLine, any version of b3sum, sha256sum or a program like
// these wrote, with --tag too, with or without its newline. Carriage returns at the end
// belong to the line and not to the name, as for b3sum since 1.5.5. The name is a new slice
// of raw bytes, neither empty nor with a NUL. The caller checks whether it stays inside a
// folder.
func parseLine(line []byte) (record, error) {
	line = bytes.TrimRight(line, "\r\n")
	line, escaped := bytes.CutPrefix(line, []byte{'\\'})
	r, digits, err := splitLine(line)
	if err == nil {
		err = r.digits(digits)
	}
	// b3sum writes U+FFFD for what is not UTF-8, so that it may stand for any name. Other
	// programs write names as they are.
	if r.kind == Either && !utf8.Valid(r.name) {
		r.kind = SHA256
	}
	b3sum := r.kind == BLAKE3 || r.kind == Either
	switch {
	case err != nil:
		return record{}, err
	case len(r.name) == 0:
		return record{}, errors.New("name is empty")
	case bytes.ContainsAny(r.name, "\x00\n"):
		return record{}, errors.New("name contains a NUL or a newline")
	case b3sum && bytes.ContainsRune(r.name, utf8.RuneError):
		return record{}, errors.New("name contains U+FFFD or bytes that are not UTF-8")
	case escaped:
		r.name, err = unescape(r.name)
		return r, err
	}
	r.name = bytes.Clone(r.name)
	return r, nil
}

// splitLine takes a line apart, without the backslash that it may start with. A tagged
// line is split at its end, because a name may hold the text that stands after it. Behind
// a digest stand two spaces, or a space and an asterisk, with which md5sum and others say
// that they read the file as binary.
func splitLine(line []byte) (r record, digits []byte, err error) {
	tag, rest, _ := bytes.Cut(line, []byte(tagStart))
	var found bool
	if r.kind, found = kindOfTag(tag); found {
		at := bytes.LastIndex(rest, []byte(tagEnd))
		if at < 0 {
			return r, nil, errors.New("no digest after the name")
		}
		r.name = rest[:at]
		return r, rest[at+len(tagEnd):], nil
	}
	digits, name, _ := bytes.Cut(line, []byte(" "))
	if len(name) == 0 || name[0] != ' ' && name[0] != '*' {
		return r, nil, errors.New("no digest and two spaces before a name")
	}
	r.name = name[1:]
	if r.kind, found = kindOfSize(len(digits) / 2); !found || len(digits)%2 != 0 {
		return r, nil, fmt.Errorf("%d characters, which is no digest", len(digits))
	}
	if r.kind == Either && name[0] == '*' { // b3sum writes no asterisk
		r.kind = SHA256
	}
	return r, digits, nil
}

// digits reads the digest. b3sum refuses capital letters, and sha256sum and others do not.
func (r *record) digits(text []byte) error {
	lower := r.kind == BLAKE3 || r.kind == Either
	d, err := parseHex(text)
	if lower && err == nil {
		r.sum = d[:]
	}
	if lower && (err == nil || r.kind == BLAKE3) {
		return err
	}
	r.sum = make([]byte, r.kind.size())
	if len(text) != 2*len(r.sum) {
		return fmt.Errorf("%d characters instead of %d", len(text), 2*len(r.sum))
	}
	if _, bad := hex.Decode(r.sum, text); bad != nil && lower {
		return err
	} else if bad != nil {
		return errors.New("the digest is not hexadecimal")
	}
	if lower {
		r.kind = SHA256
	}
	return nil
}

func unescape(s []byte) ([]byte, error) {
	name := make([]byte, 0, len(s))
	for {
		plain, rest, found := bytes.Cut(s, []byte{'\\'})
		name = append(name, plain...)
		if !found {
			return name, nil
		}
		var b [1]byte
		n := 1
		switch {
		case bytes.HasPrefix(rest, []byte{'\\'}):
			b[0] = '\\'
		case bytes.HasPrefix(rest, []byte{'n'}):
			b[0] = '\n'
		case bytes.HasPrefix(rest, []byte{'r'}): // as b3sum writes it since 1.5.5
			b[0] = '\r'
		case bytes.HasPrefix(rest, []byte{'x'}) && len(rest) >= 3:
			n = 3
			if _, err := hex.Decode(b[:], rest[1:3]); err != nil || b[0] < utf8.RuneSelf {
				return nil, fmt.Errorf("unknown escape %q", rest[:3])
			}
		default:
			return nil, errors.New("unknown escape")
		}
		name = append(name, b[0])
		s = rest[n:]
	}
}
