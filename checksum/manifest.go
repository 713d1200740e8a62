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
// backslash. A carriage return is not, as in b3sum 1.2.
//
// b3sum has no form for bytes that are not UTF-8: it prints U+FFFD for them, and
// refuses to check a line with that character. Here those bytes, and U+FFFD
// itself, become \xNN in an escaped line, so that ParseLine gives the name back;
// b3sum refuses that one line, as it would its own, and goes on with the next.
func AppendLine(dst []byte, d Digest, name []byte) []byte {
	escaped := bytes.ContainsAny(name, "\\\n") || bytes.ContainsRune(name, utf8.RuneError)
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

// nameStart is where the name begins in a line without the leading backslash.
const nameStart = 2*len(Digest{}) + 2

// ParseLine reads a line that AppendLine or b3sum wrote, with or without its
// newline. A carriage return belongs to the name, as it does for b3sum. The name
// is a new slice of raw bytes, neither empty nor with a NUL; whether it stays
// inside a folder is for the caller to check.
func ParseLine(line []byte) (Digest, []byte, error) {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	line, escaped := bytes.CutPrefix(line, []byte{'\\'})
	if len(line) <= nameStart {
		return Digest{}, nil, errors.New("line is too short")
	}
	d, err := parseHex(line[:nameStart-2])
	if err != nil {
		return Digest{}, nil, err
	}
	if string(line[nameStart-2:nameStart]) != "  " {
		return Digest{}, nil, errors.New("no two spaces after the digest")
	}
	name := line[nameStart:]
	if bytes.ContainsAny(name, "\x00\n") {
		return Digest{}, nil, errors.New("name contains a NUL or a newline")
	}
	// It may stand for a name that b3sum could not write down.
	if bytes.ContainsRune(name, utf8.RuneError) {
		return Digest{}, nil, errors.New("name contains U+FFFD or bytes that are not UTF-8")
	}
	if escaped {
		name, err = unescape(name)
		return d, name, err
	}
	return d, bytes.Clone(name), nil
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
		case bytes.HasPrefix(rest, []byte{'r'}): // as b3sum 1.8 writes it
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
