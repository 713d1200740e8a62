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

// hidden reports whether r could mislead a terminal or a reader. Such are controls,
// spaces other than the plain one, runes that reorder text, unassigned and private runes,
// and runes that look like nothing at all.
func hidden(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return !unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == brailleBlank || r == nullNotehead || r == khitanFiller
}

// Runes that fonts draw as nothing and Unicode counts as signs.
const (
	brailleBlank = 0x2800
	nullNotehead = 0x1d159
	khitanFiller = 0x16fe4
)

// maxMarks is how many marks may stand on one letter. Vietnamese and Hebrew need two;
// many draw over the rows above and below.
const maxMarks = 2

// mark reports whether r is drawn onto the rune before it: a combining mark, a vowel
// or final of a Korean syllable that is written in its parts, or an emoji's skin.
func mark(r rune) bool {
	return r >= 0x300 && (unicode.Is(unicode.M, r) || r >= 0x1160 && r <= 0x11ff || r >= 0xd7b0 && r <= 0xd7fb || skinTone(r))
}

func skinTone(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

// rightToLeft reports whether r makes the text around it run from right to left. It
// knows the blocks for which Unicode says so, unassigned runes included. A mark has the
// direction of the rune that it stands on.
func rightToLeft(r rune) bool {
	switch {
	case r < 0x590, mark(r):
		return false
	case r <= 0x8ff, r >= 0xfb1d && r <= 0xfdff, r >= 0xfe70 && r <= 0xfeff, r >= 0x10800 && r <= 0x10fff, r >= 0x1e800 && r <= 0x1efff:
		return true
	}
	return false
}

// Text that runs from right to left is shown between these two (UAX 9). So it cannot
// move the text beside it, and its own parts keep their order: the end of a name stays
// at its right.
const (
	isolateStart = "\u2066" // LEFT-TO-RIGHT ISOLATE
	isolateEnd   = "\u2069" // POP DIRECTIONAL ISOLATE
)

// escape makes s safe to show: bytes that are not UTF-8 and controls of one
// byte become \xNN, other hidden runes and marks beyond maxMarks \u{N}, and what runs
// from right to left is isolated. It is for reading: a backslash in s stays as it is.
// To escape twice is the same as once.
func escape(s string) string {
	var b strings.Builder
	for {
		before, inside, after, found := cutIsolate(s)
		b.WriteString(isolate(plain(before)))
		if !found {
			return b.String()
		}
		b.WriteString(isolateStart + plain(inside) + isolateEnd)
		s = after
	}
}

// cutIsolate finds what escape isolated.
func cutIsolate(s string) (before, inside, after string, found bool) {
	for from := 0; ; {
		i := strings.Index(s[from:], isolateStart)
		if i < 0 {
			return s, "", "", false
		}
		i += from
		rest := s[i+len(isolateStart):]
		inside, after, found = strings.Cut(rest, isolateEnd)
		if found && strings.ContainsFunc(inside, rightToLeft) && plain(inside) == inside {
			return s[:i], inside, after, true
		}
		from = i + len(isolateStart)
	}
}

// isolate isolates the part of s, which is plain, from the first to the last rune
// that runs from right to left.
func isolate(s string) string {
	first := strings.IndexFunc(s, rightToLeft)
	if first < 0 {
		return s
	}
	last := strings.LastIndexFunc(s, rightToLeft)
	_, n := utf8.DecodeRuneInString(s[last:])
	for last += n; ; last += n { // its marks belong to it
		var r rune
		if r, n = utf8.DecodeRuneInString(s[last:]); n == 0 || !mark(r) {
			break
		}
	}
	return s[:first] + isolateStart + s[first:last] + isolateEnd + s[last:]
}

// plain is escape without isolation. Its result can be measured and cut.
func plain(s string) string { return escapeWith(s, "") }

// escapeWith is plain that also puts a backslash before each of the ASCII in special.
func escapeWith(s, special string) string {
	if special == "" && !needsEscape(s) && !strings.ContainsFunc(s, mark) {
		return s
	}
	var b strings.Builder
	marks := maxMarks // on the rune before; at the start, marks would land on our own text
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, n == 1 && hidden(r):
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = maxMarks
		case hidden(r), mark(r) && marks == maxMarks:
			fmt.Fprintf(&b, `\u{%x}`, r)
			marks = maxMarks
		case mark(r):
			b.WriteString(s[i : i+n])
			marks++
		default:
			if n == 1 && strings.IndexByte(special, s[i]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteString(s[i : i+n])
			if marks = 0; r == ' ' {
				marks = maxMarks
			}
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

// nameText is a name or path as it is shown, before it is cut. A name with odd spaces is
// put in double quotes, with a backslash before each quote and backslash. Otherwise it
// could look like two columns, or like another name. A name that begins with a quote is
// quoted too.
func nameText(s string) string {
	odd := strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") || strings.HasPrefix(s, `"`) ||
		strings.Contains(s, "  ") || strings.Contains(s, "/ ") || strings.Contains(s, " /")
	if !odd {
		return plain(s)
	}
	return `"` + escapeWith(s, `"\`) + `"`
}

// shorten keeps both ends of a text that is far longer than can be shown, so that not
// all of it has to be escaped.
func shorten(s string) string {
	if len(s) > 16*maxShown {
		return s[:8*maxShown] + ellipsis + s[len(s)-8*maxShown:]
	}
	return s
}

// show is a name, cut to maxShown columns.
func show(s string) string { return fit(s, maxShown) }

// fit is a name, cut to width columns.
func fit(s string, width int) string {
	s = cutMiddle(nameText(shorten(s)), width)
	if strings.ContainsFunc(s, rightToLeft) {
		return isolateStart + s + isolateEnd
	}
	return s
}

// tell is a message, cut to maxShown columns. It may have come from the other side.
func tell(s string) string { return isolate(cutMiddle(plain(shorten(s)), maxShown)) }

// leastFold is the narrowest screen that lines are broken for, in columns.
const leastFold = 20

// fold escapes a line and breaks it into rows of less than width columns. Rows after the
// first are indented, so that a name in the line cannot look like a row of its own. The
// last column stays free: if it is full, some terminals go to the next line.
func fold(line string, width int) string {
	const indent = "  " // less than commands have, which are not broken
	whole := escape(line)
	if width < leastFold || len(whole) < width || columns(whole) < width {
		return whole
	}
	var rows []string
	rest, room := unisolated(whole), width-1
	for columns(rest) > room {
		row := head(rest, room)
		if i := strings.LastIndexByte(row, ' '); i > len(row)/2 {
			row = row[:i]
		}
		if row == "" {
			row = runes(rest, room) // one cluster is longer than a row
		}
		rows = append(rows, isolate(row))
		rest, room = strings.TrimLeft(rest[len(row):], " "), width-1-len(indent)
	}
	return strings.Join(append(rows, isolate(rest)), "\n"+indent)
}

// runes returns the longest start of s that fits width columns, at least one rune.
func runes(s string, width int) string {
	end := 0
	for i, r := range s {
		next := i + utf8.RuneLen(r)
		if end > 0 && columns(s[:next]) > width {
			break
		}
		end = next
	}
	return s[:end]
}

// unisolated undoes isolation.
func unisolated(s string) string {
	var b strings.Builder
	for {
		before, inside, after, found := cutIsolate(s)
		b.WriteString(before + inside)
		if !found {
			return b.String()
		}
		s = after
	}
}

// cutMiddle shortens s to at most width columns, and keeps both ends. s must
// be escaped.
func cutMiddle(s string, width int) string {
	if len(s) <= width || columns(s) <= width {
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
		cluster, next, w, st := uniseg.FirstGraphemeClusterInString(rest, state)
		if w += beside(cluster); used+w > width {
			break
		}
		rest, state, used = next, st, used+w
	}
	return s[:len(s)-len(rest)]
}

// tail returns the longest end of s that fits width columns.
func tail(s string, width int) string {
	over, rest, state := columns(s)-width, s, -1
	for rest != "" && over > 0 {
		cluster, next, w, st := uniseg.FirstGraphemeClusterInString(rest, state)
		rest, state, over = next, st, over-w-beside(cluster)
	}
	return rest
}

// columns is the room that s takes on a terminal, or more.
func columns(s string) int { return uniseg.StringWidth(s) + beside(s) }

// beside is how many columns r takes if uniseg counts it as a part of the rune before,
// but terminals draw it beside that one. Such are modifiers of emoji, the first part of a
// Korean syllable after another first part, and the marks of narrow katakana.
func beside(s string) (columns int) {
	var before rune
	for _, r := range s {
		switch {
		case skinTone(r), firstOfSyllable(r) && firstOfSyllable(before):
			columns += 2
		case r == 0xff9e || r == 0xff9f:
			columns++
		}
		before = r
	}
	return columns
}

func firstOfSyllable(r rune) bool { return r >= 0x1100 && r <= 0x115f || r >= 0xa960 && r <= 0xa97c }

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

// sizeText shows a size in the same form as the errors of package transfer.
func sizeText(n int64) string { return transfer.SizeText(n) }
