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

// tagStart and tagEnd are around the name in a line of b3sum --tag.
const (
	tagStart = "BLAKE3 ("
	tagEnd   = ") = "
)

// parseLine reads a line that AppendLine or any version of b3sum wrote, with --tag too,
// with or without its newline. Carriage returns at the end belong to the line and not
// to the name, as for b3sum since 1.5.5. The name is a new slice of raw bytes, neither
// empty nor with a NUL. The caller checks whether it stays inside a folder.
func parseLine(line []byte) (Digest, []byte, error) {
	line = bytes.TrimRight(line, "\r\n")
	line, escaped := bytes.CutPrefix(line, []byte{'\\'})
	hex, name, err := splitLine(line)
	if err != nil {
		return Digest{}, nil, err
	}
	d, err := parseHex(hex)
	switch {
	case err != nil:
		return Digest{}, nil, err
	case len(name) == 0:
		return Digest{}, nil, errors.New("name is empty")
	case bytes.ContainsAny(name, "\x00\n"):
		return Digest{}, nil, errors.New("name contains a NUL or a newline")
	// It may stand for a name that b3sum could not write down.
	case bytes.ContainsRune(name, utf8.RuneError):
		return Digest{}, nil, errors.New("name contains U+FFFD or bytes that are not UTF-8")
	case escaped:
		name, err = unescape(name)
		return d, name, err
	}
	return d, bytes.Clone(name), nil
}

// splitLine takes a line apart, without the backslash that it may start with. A tagged
// line is split at its end, because a name may hold the text that stands after it.
func splitLine(line []byte) (hex, name []byte, err error) {
	if rest, tagged := bytes.CutPrefix(line, []byte(tagStart)); tagged {
		at := bytes.LastIndex(rest, []byte(tagEnd))
		if at < 0 {
			return nil, nil, errors.New("no digest after the name")
		}
		return rest[at+len(tagEnd):], rest[:at], nil
	}
	hex, name, found := bytes.Cut(line, []byte("  "))
	if !found {
		return nil, nil, errors.New("no digest and two spaces before a name")
	}
	return hex, name, nil
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
