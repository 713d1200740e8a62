package main

import (
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"
)

// command is argv as a line for the shell.
func command(argv ...string) string {
	write := quote
	if runtime.GOOS == "windows" {
		write = quoteWindows
	}
	quoted := make([]string, len(argv))
	for i, a := range argv {
		quoted[i] = write(a)
	}
	return strings.Join(quoted, " ")
}

// needsQuotes reports whether a shell may read something in arg that is no plain text. It
// takes letters and digits of ASCII for plain, and the signs that are given.
func needsQuotes(arg, signs string) bool {
	return arg == "" || strings.ContainsFunc(arg, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(signs, r)
	})
}

// quote writes an argument so that a POSIX shell, and PowerShell for ordinary names, reads
// it back. PowerShell takes words with a comma between them for several, so those have
// quotes that cmd.exe knows too. Names with hidden runes take the $'…' form of bash, zsh
// and ksh.
func quote(arg string) string {
	const plain = "-_./:@%+="
	switch {
	case !needsQuotes(arg, plain):
		return arg
	case !needsQuotes(arg, plain+","):
		return `"` + arg + `"`
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

// Signs that PowerShell takes for quotes, beside those of ASCII.
const (
	singleQuotes = "'\u2018\u2019\u201a\u201b"
	doubleQuotes = "\"\u201c\u201d\u201e"
)

// quoteWindows writes an argument so that PowerShell and cmd.exe read it back. What only
// PowerShell can be told is written for that: what it would expand between double quotes,
// and hidden runes, for which it has to be version 6 or later.
//
// A program takes a backslash before the last quote for a part of an escape. So it is
// written twice, which names the same folder where it is not one.
func quoteWindows(arg string) string {
	if !needsQuotes(arg, `-_./:\@%+=~`) && !special(arg) {
		return arg
	}
	hides := needsEscape(arg)
	if !hides && !strings.ContainsAny(arg, "$`"+doubleQuotes) {
		return `"` + arg + trailing(arg) + `"`
	}
	var b strings.Builder
	for _, r := range arg {
		switch {
		case !hides && strings.ContainsRune(singleQuotes, r):
			b.WriteRune(r) // twice is once
		case hides && hidden(r):
			fmt.Fprintf(&b, "`u{%x}", r)
			continue
		case hides && strings.ContainsRune("$`"+doubleQuotes, r):
			b.WriteByte('`')
		}
		b.WriteRune(r)
	}
	b.WriteString(trailing(arg))
	if hides {
		return `"` + b.String() + `"`
	}
	return "'" + b.String() + "'"
}

// special reports whether a word has to have quotes in PowerShell for how it begins. An at
// sign begins a variable there, and a tilde is the home folder. One dash begins a parameter,
// which a point or a colon ends, and --% ends what is read at all.
func special(word string) bool {
	switch word[0] {
	case '@', '~':
		return true
	case '-':
		return word == "--%" || !strings.HasPrefix(word, "--") && strings.ContainsAny(word, ".:")
	}
	return false
}

// trailing are the backslashes that arg ends in.
func trailing(arg string) string { return arg[len(strings.TrimRight(arg, `\`)):] }
