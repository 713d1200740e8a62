package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// An escaped name stands for one that some file system does not hold. It has %XX, as in URLs,
// for each byte that is in the way, and for each % too. Why so, and not by letters that look
// alike, as "：" for ":":
//
//   - It is ASCII, so a file system that holds few characters holds it, and so does one that
//     brings names to another form (NFKC makes ":" of "：" again).
//   - Names with "：" are common where such letters are written, and would have to be escaped
//     too; names with %XX are rare.
//   - Anybody can type it, and sees which byte it was.
//
// What is escaped does not depend on the file system: one that is refused for its colon has
// its question mark escaped as well. So a name is escaped to the same everywhere, but for its
// length. Of what names a device the last character before the extension is escaped, so that
// most of it can be read: AUX.txt is AU%58.txt.

// signs are the bytes, beside control characters, that Windows takes in no name.
const signs = `<>:"\|?*`

// EscapeName returns a name that stands for name and that each file system holds which holds
// names of ASCII with so many bytes. A name that Windows holds, and that is text of at most so
// many bytes, is returned as it is. So is an escaped one. No two other names are escaped to
// one: UnescapeName has the name that it was, unless it was too long. Such a name is cut, and
// has a part of its SHA-256 behind %~, where no escaped name has a %~ otherwise.
//
// Name is one that CheckComponent takes.
func EscapeName(name string, most int) string {
	if len(name) <= most && checkWindowsName(name) == nil {
		return name
	}
	device, alias := -1, -1
	if NamesDevice(name) {
		stem := deviceStem(name)
		_, n := utf8.DecodeLastRuneInString(stem)
		device = len(stem) - n
	}
	if isStateAlias(name) {
		alias = len(stateAlias) - 1
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		c := name[i]
		switch {
		case r == utf8.RuneError && n == 1, c < ' ', c == '%', strings.IndexByte(signs, c) >= 0,
			i == device, i == alias, i == len(name)-1 && (c == '.' || c == ' '):
			for ; n > 0; n, i = n-1, i+1 {
				b.Write([]byte{'%', upperHex[name[i]>>4], upperHex[name[i]&15]})
			}
		default:
			b.WriteString(name[i : i+n])
			i += n
		}
	}
	if b.Len() > most {
		return shorten(name, b.String(), most)
	}
	return b.String()
}

const upperHex = "0123456789ABCDEF"

// longestExt is the longest extension that a name keeps which is cut.
const longestExt = 16

// shorten cuts escaped, which stands for name, to so many bytes.
func shorten(name, escaped string, most int) string {
	sum := sha256.Sum256([]byte(name))
	mark := "%~" + hex.EncodeToString(sum[:8])
	stem, ext := escaped, ""
	if dot := strings.LastIndexByte(escaped, '.'); dot > 0 && len(escaped)-dot <= longestExt && !strings.Contains(escaped[dot:], "%") {
		stem, ext = escaped[:dot], escaped[dot:]
	}
	room := most - len(mark) - len(ext)
	if room < 1 {
		ext, room = "", max(most-len(mark), 0)
	}
	for room = min(room, len(stem)); room > 0 && room < len(stem) && !utf8.RuneStart(stem[room]); room-- {
	}
	if i := strings.LastIndexByte(stem[:room], '%'); i > room-3 && i >= 0 {
		room = i
	}
	return stem[:room] + mark + ext
}

// UnescapeName returns the name that EscapeName has escaped to this one; ok is false if there
// is none, or if it was cut.
func UnescapeName(escaped string) (name string, ok bool) {
	if !strings.Contains(escaped, "%") {
		return "", false
	}
	var b strings.Builder
	for rest := escaped; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if rest = after; !found {
			break
		}
		if len(rest) < 2 {
			return "", false
		}
		c, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", false
		}
		b.WriteByte(c[0])
		rest = rest[2:]
	}
	name = b.String()
	if CheckComponent(name) != nil || EscapeName(name, 3*MaxName) != escaped {
		return "", false
	}
	return name, true
}
