package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"ferry/transfer"
)

const (
	// maxShown bounds what is shown of one name or message, in columns: longer
	// ones are cut in the middle, since both ends tell files apart.
	maxShown = 300
	ellipsis = "..."
)

// hidden reports whether a terminal or a reader could be misled by r: controls
// (C0, C1, DEL), line separators, and what is invisible or reorders text.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) ||
		unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// escape makes s safe to show: bytes that are not UTF-8 and controls of one
// byte become \xNN, other hidden runes \u{N}. It is for reading: a backslash in
// s stays as it is.
func escape(s string) string {
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, n == 1 && hidden(r):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// needsEscape is the quick answer for the many names that are harmless.
func needsEscape(s string) bool {
	if !utf8.ValidString(s) {
		return true
	}
	return strings.ContainsFunc(s, hidden)
}

// show is escape, cut to maxShown columns.
func show(s string) string {
	// Far longer than can be shown: not worth escaping in full.
	if len(s) > 16*maxShown {
		s = s[:8*maxShown] + ellipsis + s[len(s)-8*maxShown:]
	}
	return cutMiddle(escape(s), maxShown)
}

// cutMiddle shortens s to at most width columns, and keeps both ends. s must
// be escaped.
func cutMiddle(s string, width int) string {
	if len(s) <= width || uniseg.StringWidth(s) <= width {
		return s
	}
	if width <= len(ellipsis) {
		return head(s, width)
	}
	room := width - len(ellipsis)
	return head(s, (room+1)/2) + ellipsis + tail(s, room/2)
}

// head returns the longest start of s that fits width columns.
func head(s string, width int) string {
	rest, state, used := s, -1, 0
	for rest != "" {
		_, next, w, st := uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width {
			break
		}
		rest, state, used = next, st, used+w
	}
	return s[:len(s)-len(rest)]
}

// tail returns the longest end of s that fits width columns.
func tail(s string, width int) string {
	over, rest, state := uniseg.StringWidth(s)-width, s, -1
	for rest != "" && over > 0 {
		_, next, w, st := uniseg.FirstGraphemeClusterInString(rest, state)
		rest, state, over = next, st, over-w
	}
	return rest
}

// columns is the room that s takes on a terminal.
func columns(s string) int { return uniseg.StringWidth(s) }

// quote writes an argument so that a POSIX shell, and PowerShell for ordinary
// names, reads it back. Names with hidden runes take the $'…' form of bash, zsh
// and ksh.
func quote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+=", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	if !needsEscape(arg) {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(arg); {
		r, n := utf8.DecodeRuneInString(arg[i:])
		switch {
		case r == utf8.RuneError && n == 1, hidden(r):
			for _, c := range []byte(arg[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteString(arg[i : i+n])
		}
		i += n
	}
	b.WriteByte('\'')
	return b.String()
}

// command is argv as a line for the shell.
func command(argv ...string) string {
	quoted := make([]string, len(argv))
	for i, a := range argv {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

// jsonSafe replaces the hidden runes that encoding/json leaves as they are.
// They can only stand inside of strings, where \uNNNN means the same.
func jsonSafe(line []byte) []byte {
	s := string(line)
	if !strings.ContainsFunc(s, hidden) {
		return line
	}
	out := make([]byte, 0, len(line)+16)
	for _, r := range s {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// base64Of returns the exact bytes of a name that is not UTF-8, else "".
func base64Of(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

// sizeText is as transfer says sizes in its errors.
func sizeText(n int64) string { return transfer.SizeText(n) }
