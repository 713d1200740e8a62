package tree

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// FoldKey returns a key that two names share if some file system takes them for one. There
// are file systems that do not tell apart capital letters or forms of one letter, and some
// that drop dots and spaces at the end. Names with different keys are two names everywhere,
// but for short names (IsShortName). Names with one key are two names on most systems.
func FoldKey(name string) string {
	if IsASCII(name) {
		name = strings.ToLower(name)
	} else {
		// What lower case makes of a letter may have parts again.
		name = norm.NFKD.String(foldLetters(norm.NFKD.String(name)))
	}
	return strings.TrimRight(name, ". ")
}

// foldLetters gives all cases of a letter one form, and drops characters that show
// nothing. Bytes that are no UTF-8 stay.
func foldLetters(name string) string {
	b := make([]byte, 0, len(name)+8)
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, name[0])
		case isIgnorable(r):
		default:
			if r = unicode.ToLower(unicode.ToUpper(r)); r == 'ß' {
				b = append(b, "ss"...)
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
		name = name[n:]
	}
	return string(b)
}

// IsASCII reports whether all bytes of a name are ASCII.
func IsASCII(name string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// IsShortName reports whether name has ~ and a digit as the short names do that FAT and
// NTFS make up beside long ones, with 8 and 3 characters.
func IsShortName(name string) bool {
	stem, ext, _ := strings.Cut(name, ".")
	if strings.Contains(ext, ".") {
		return false
	}
	at := strings.LastIndexByte(stem, '~')
	if at < 1 || len(stem) > 8 || len(ext) > 3 || at == len(stem)-1 {
		return false
	}
	return strings.Trim(stem[at+1:], "0123456789") == ""
}

// Spellings returns other names that a file system may take for name: with the case of its
// letters exchanged, and composed or decomposed.
func Spellings(name string) []string {
	var list []string
	if other := SwapCase(name); other != name {
		list = append(list, other)
	}
	if IsASCII(name) || !utf8.ValidString(name) {
		return list
	}
	for _, form := range []norm.Form{norm.NFC, norm.NFD} {
		if !form.IsNormalString(name) {
			list = append(list, form.String(name))
		}
	}
	return list
}

// SwapCase returns name with the case of its letters exchanged. It returns name itself if
// that has no letters or is no UTF-8.
func SwapCase(name string) string {
	if !utf8.ValidString(name) {
		return name
	}
	return strings.Map(func(r rune) rune {
		if up := unicode.ToUpper(r); up != r {
			return up
		}
		return unicode.ToLower(r)
	}, name)
}
