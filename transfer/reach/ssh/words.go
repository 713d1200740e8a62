package ssh

import (
	"errors"
	"path/filepath"
	"strings"
)

// Words takes a text apart as a shell would, without expanding anything: spaces separate
// words, quotes of both kinds keep a part together, and a backslash outside of single
// quotes takes the next character as it is. On Windows it does not: paths have it.
func Words(text string) ([]string, error) {
	return words(text, filepath.Separator != '\\')
}

func words(text string, escapes bool) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, c := range text {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'' && escapes:
			escaped, inWord = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("a program is missing")
	}
	return words, nil
}
