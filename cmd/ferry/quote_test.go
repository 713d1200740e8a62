package main

import (
	"strings"
	"testing"
)

// What Windows users see is read back by both of their shells, or by PowerShell alone.
func TestQuoteWindows(t *testing.T) {
	for arg, want := range map[string]string{
		"ferry": "ferry", `C:\Users\me`: `C:\Users\me`, `\\server\share\`: `\\server\share\`, "C:x": "C:x", `PROGRA~1`: `PROGRA~1`, "a/b": "a/b",
		"": `""`, "my photos": `"my photos"`, `C:\my photos\`: `"C:\my photos\\"`, "it's": `"it's"`, "a,b": `"a,b"`, "@x": `"@x"`, "a&b": `"a&b"`, "*.o": `"*.o"`,
		"100%": "100%", "me@nas": "me@nas", "0@": "0@", "~": `"~"`, `~\x`: `"~\x"`, "a~": "a~", "-x.y": `"-x.y"`, "-x:y": `"-x:y"`, "-v": "-v", "--%": `"--%"`, "--to=a.b": "--to=a.b", "#1": `"#1"`, "caf\u00e9": "\"caf\u00e9\"", "it\u2019s": "\"it\u2019s\"",
		"$HOME": "'$HOME'", "a`b": "'a`b'", "it's $5": "'it''s $5'", "\u201cx\u201d": "'\u201cx\u201d'", "\u201cit\u2019s\u201d": "'\u201cit\u2019\u2019s\u201d'",
		`$a b\`:      `'$a b\\'`,
		"a\u202e$b":  "\"a`u{202e}`$b\"",
		"a\u200b`\"": "\"a`u{200b}```\"\"",
	} {
		if got := quoteWindows(arg); got != want {
			t.Errorf("%q is written as %s, want %s", arg, got, want)
		}
	}
}

// powershell reads a line of words as PowerShell hands them to a program of its version 7,
// without variables. It is written from its about_Quoting_Rules.
func powershell(t *testing.T, line string) (words []string) {
	t.Helper()
	word, begun, quote := "", false, rune(0)
	list := []rune(line)
	for i := 0; i < len(list); i++ {
		c := list[i]
		single, double := strings.ContainsRune(singleQuotes, c), strings.ContainsRune(doubleQuotes, c)
		switch {
		case quote == '\'' && single, quote == '"' && double:
			if i+1 < len(list) && strings.ContainsRune(map[rune]string{'\'': singleQuotes, '"': doubleQuotes}[quote], list[i+1]) {
				i++
				word += string(list[i])
				continue
			}
			quote = 0
		case quote == '\'':
			word += string(c)
		case c == '`':
			i++
			if list[i] != 'u' {
				word += string(list[i])
				continue
			}
			rest := string(list[i+2:])
			hex, _, _ := strings.Cut(rest, "}")
			r := rune(0)
			for _, d := range hex {
				r = r<<4 | rune(strings.IndexRune("0123456789abcdef", d))
			}
			word += string(r)
			i += 2 + len(hex)
		case c == '$' || quote == 0 && strings.ContainsRune(",;&|#(){}<>", c), quote == 0 && !begun && strings.ContainsRune("@~", c):
			t.Errorf("%s has %q in a place where it means something else", line, c)
		case quote == '"':
			word += string(c)
		case single:
			quote, begun = '\'', true
		case double:
			quote, begun = '"', true
		case c == ' ':
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if quote != 0 {
		t.Errorf("%s has a quote that is not closed", line)
	}
	if begun {
		words = append(words, word)
	}
	return words
}

func FuzzQuoteWindows(f *testing.F) {
	for _, arg := range []string{"", "a b", `C:\my photos\`, "$x", "`", "it's", "\u201cx\u201d", "a\u202eb", "\"'$`\u2019\\", "0@", "@0", "~", "a~"} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		arg = strings.ToValidUTF8(arg, "")
		line := quoteWindows(arg)
		if needsEscape(line) {
			t.Errorf("%q is written as %q, with something hidden in it", arg, line)
		}
		words := powershell(t, line)
		if len(words) != 1 || strings.TrimRight(words[0], `\`) != strings.TrimRight(arg, `\`) {
			t.Errorf("%q is written as %s, which is read as %q", arg, line, words)
		}
	})
}
