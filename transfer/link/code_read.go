package link

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// maxPaste is the longest text that is looked at, in bytes: more than a screen.
const maxPaste = 4096

// Reading is what ReadCode makes of a text.
type Reading struct {
	// Code is the text as a code, with the abbreviations of our words written out.
	Code Code
	// Meant is a code of our words that the text is close to, and which may be meant
	// instead. It is the zero Code without such a doubt.
	Meant Code
	// Typed are the words of the text that are not our words, and Words what Meant has
	// in their place. Both are empty if Meant differs in other ways than words.
	Typed, Words []string
	// Almost tells that each of Typed is one or two letters away from our word, and that
	// all the rest of the code is ours.
	Almost bool
	// Strange is the one word that is nothing like ours, where all the rest of the code
	// is ours; "" if there is none.
	Strange string
	// Doubt says why the text can hardly be a code that somebody was given; nil if it can
	// be.
	Doubt error
}

var (
	errCommand    = errors.New("that is the command; a code looks like 7-copper-violin-meadow")
	errPrinted    = errors.New("that is what ferry prints above the code; the code looks like 7-copper-violin-meadow")
	errSeveral    = errors.New("there is more than one code in that")
	errNoRoom     = errors.New("the number in front of the words is missing, as in 7-copper-violin-meadow")
	errFewerWords = errors.New("a word is missing: behind the number come three, as in 7-copper-violin-meadow")
)

// Ours reports a code that GenerateCode can make.
func (r Reading) Ours() bool { return ourWords().isGenerated(r.Code) }

// ReadCode reads a code as a person types or pastes it. Of a code of ferry's own words,
// three letters a word are enough. What surrounds it is left out: quotes, a label, a full
// stop, the command and the words that it was printed with. It changes nothing in a secret
// that is not made of those words: that is read as ParseCode does. The error does not
// quote text. Beside an error there may be a Meant.
func ReadCode(text string) (Reading, error) {
	if len(text) > maxPaste {
		return Reading{}, errCode
	}
	plain := asPlain(text)
	bare := unwrapped(plain)
	list := ourWords()
	room, words := list.shape(strings.Trim(bare, "-.,;:'\"`()<>[] \t\r\n"))
	if len(words) == codeWords && room != "" {
		if whole := list.whole(words); whole != nil {
			return Reading{Code: newCode(room + "-" + strings.Join(whole, "-"))}, nil
		}
	}
	if isPaste(plain) {
		if r, err := list.pasted(plain); err != nil || !r.Code.isZero() {
			return r, err
		}
	}
	own, err := ParseCode(bare)
	r := Reading{Code: own}
	if err != nil {
		list.guess(&r, bare, room, words)
		return Reading{Meant: r.Meant}, err
	}
	if len(words) == codeWords && room != "" {
		list.compare(&r, room, words)
	}
	if r.Meant.isZero() && r.Strange == "" {
		list.guess(&r, bare, room, words)
	}
	return r, nil
}

// asPlain puts plain characters in the place of those that programs put in theirs: spaces
// and hyphens of many kinds, curly quotes, wide letters, and marks without width.
func asPlain(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r < unicode.MaxASCII:
			return r
		case 0x2010 <= r && r <= 0x2015, r == 0x2212, r == 0xFE58, r == 0xFE63:
			return '-'
		case r == 0x201C, r == 0x201D, r == 0x201E, r == 0x00AB, r == 0x00BB:
			return '"'
		case r == 0x2018, r == 0x2019, r == 0x201A, r == 0x2039, r == 0x203A:
			return '\''
		case 0xFF01 <= r && r <= 0xFF5E:
			return r - 0xFF01 + '!'
		case r == 0x00AD, unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, text))
}

// unwrapped takes away what stands around a code as a whole: spaces, a label before it,
// and a pair of quotes.
func unwrapped(s string) string {
	for {
		before := s
		s = strings.TrimSpace(s)
		for _, label := range []string{"export ", "$env:", "set ", "$ "} {
			if rest, ok := strings.CutPrefix(s, label); ok && strings.HasPrefix(strings.TrimSpace(rest), "ferry_code") {
				s = strings.TrimSpace(rest)
			}
		}
		for _, label := range []string{"ferry_code", "code"} {
			rest, labelled := strings.CutPrefix(s, label)
			rest = strings.TrimLeft(rest, " \t")
			if labelled && rest != "" && (rest[0] == ':' || rest[0] == '=') {
				s = rest[1:]
			}
		}
		if n := len(s); n > 2 && s[0] == s[n-1] && strings.ContainsRune("'\"`", rune(s[0])) {
			s = s[1 : n-1]
		}
		if s == before {
			return s
		}
	}
}

// shape splits a text into the room, "" if it does not begin with the number of one, and
// the words.
func (l wordList) shape(s string) (room string, words []string) {
	words = strings.FieldsFunc(s, isSeparator)
	if len(words) > 0 && isRoom(words[0]) {
		return words[0], words[1:]
	}
	return "", words
}

// whole writes out words that are ours or abbreviations of ours; nil if one is neither.
// A word that lacks no more than mostEdits letters is a typing error rather than an
// abbreviation.
func (l wordList) whole(words []string) []string {
	whole := make([]string, len(words))
	for i, w := range words {
		switch all := l.begin(w); {
		case l.has(w):
			whole[i] = w
		case len(w) < sureLetters || len(all) != 1 || len(w) > sureLetters && len(all[0])-len(w) <= mostEdits:
			return nil
		default:
			whole[i] = all[0]
		}
	}
	return whole
}

// isOurs reports a word that is one of ours, or is abbreviated as ferry says one may.
func (l wordList) isOurs(word string) bool {
	return l.has(word) || len(word) == sureLetters && len(l.begin(word)) == 1
}

// compare fills in which code of ours a text of the same shape may mean. People's own
// codes have that shape too, so that nothing is said unless a word is ours.
func (l wordList) compare(r *Reading, room string, words []string) {
	ours, near, strange := 0, 0, ""
	whole := make([]string, len(words))
	for i, w := range words {
		if exact := l.whole(words[i : i+1]); exact != nil {
			whole[i] = exact[0]
			if l.isOurs(w) {
				ours++
			}
			continue
		}
		if whole[i] = l.nearest(w); whole[i] != "" {
			near++
		} else if all := l.begin(w[:min(len(w), sureLetters)]); len(w) > sureLetters && len(all) == 1 {
			whole[i] = all[0]
		} else {
			strange = w
		}
		r.Typed, r.Words = append(r.Typed, w), append(r.Words, whole[i])
	}
	unlike := len(r.Typed) - near
	switch {
	case strange == "" && (unlike == 0 && (ours > 0 || near == len(words)) || unlike == 1 && ours > 0):
		r.Meant = newCode(room + "-" + strings.Join(whole, "-"))
		r.Almost = unlike == 0 && ours == len(words)-1
		return
	case strange != "" && ours == len(words)-1:
		r.Strange = strange
	}
	r.Typed, r.Words = nil, nil
}

// guess fills in what else may be wrong with a text that can be somebody's own code.
func (l wordList) guess(r *Reading, text, room string, words []string) {
	ours := 0
	for _, w := range words {
		if l.isOurs(w) {
			ours++
		}
	}
	switch {
	case room == "" && len(words) == codeWords && ours == codeWords:
		r.Doubt = errNoRoom
		return
	case room != "" && 0 < len(words) && len(words) < codeWords && ours == len(words):
		r.Doubt = errFewerWords
		return
	}
	switch found, half := l.found(text), text[:len(text)/2]; {
	case len(found) > 1:
		r.Doubt = errSeveral
		return
	case len(found) == 1:
		r.Meant = newCode(found[0])
	case half+half == text && l.isGenerated(newCode(half)): // pasted twice
		r.Meant = newCode(half)
	}
	// Other separators than ours, or none.
	joined := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, text)
	letters := strings.TrimLeft(joined, "0123456789")
	number := joined[:len(joined)-len(letters)]
	if split := l.split(letters, codeWords); split != nil && isRoom(number) && !(room == number && l.hasAll(words)) {
		r.Meant = newCode(number + "-" + strings.Join(split, "-"))
	}
	if r.Meant.Reveal() == r.Code.Reveal() {
		r.Meant = Code{}
	}
}

// hasAll reports that each word is one of ours: such a code is never questioned.
func (l wordList) hasAll(words []string) bool {
	for _, w := range words {
		if !l.has(w) {
			return false
		}
	}
	return true
}

var (
	commandLine = regexp.MustCompile(`(^|[\s/\\])ferry(\.exe)?\s+(send|receive|copy)(\s|$)|^[$>#]\s+ferry\s`)
	printedWith = regexp.MustCompile(`(\bcode\b.*|\basks):\s`)
	wholeCode   = regexp.MustCompile(`(^|[^a-z0-9-])([1-9][0-9]{0,2}(?:-[a-z]{3,10}){3})([^a-z0-9-]|$)`)
	printedLine = regexp.MustCompile(`^\s*(listening on |(on the other machine|in another terminal) run:|only (this machine|machines on the same network) can reach it)`)
	codeSetting = regexp.MustCompile(`ferry_code\s*=\s*('[^']*'|"[^"]*"|\S+)`)
)

// isPaste reports a text that comes from a screen and is more than a code: it has several
// lines, a command, or the words that ferry prints before a code.
func isPaste(s string) bool {
	return strings.Contains(strings.TrimSpace(s), "\n") || commandLine.MatchString(s) || printedWith.MatchString(s) || printedLine.MatchString(s)
}

// pasted reads the code out of such a text. It returns neither a code nor an error for
// one that can be somebody's own code all the same.
func (l wordList) pasted(s string) (Reading, error) {
	switch found := l.found(s); len(found) {
	case 0:
	case 1:
		return Reading{Code: newCode(found[0])}, nil
	default:
		return Reading{}, errSeveral
	}
	if m := codeSetting.FindStringSubmatch(s); m != nil {
		return ReadCode(m[1])
	}
	for line := range strings.Lines(s) {
		if isPaste(line) {
			continue
		}
		if r, err := ReadCode(line); err == nil && l.isGenerated(r.Code) {
			return r, nil
		}
	}
	switch {
	case commandLine.MatchString(s):
		return Reading{}, errCommand
	case printedLine.MatchString(s):
		return Reading{}, errPrinted
	case strings.Contains(strings.TrimSpace(s), "\n"):
		return Reading{}, errCode
	}
	return Reading{}, nil
}

// found returns the codes of our words that stand in a text, each once.
func (l wordList) found(s string) (codes []string) {
	for at := 0; ; {
		m := wholeCode.FindStringSubmatchIndex(s[at:])
		if m == nil {
			return codes
		}
		code := s[at+m[4] : at+m[5]]
		if !l.isGenerated(newCode(code)) || len(codes) > 0 && codes[0] == code {
			code = ""
		}
		if code != "" {
			codes = append(codes, code)
		}
		at += m[5] // what ends one code can be what stands before the next
	}
}

// HasCode reports whether a code of ferry's own words stands in text.
func HasCode(text string) bool { return len(ourWords().found(asPlain(text))) > 0 }

// isGenerated reports a code that GenerateCode can make.
func (l wordList) isGenerated(c Code) bool {
	room, words := l.shape(c.Reveal())
	return room != "" && len(words) == codeWords && l.hasAll(words) &&
		c.Reveal() == room+"-"+strings.Join(words, "-")
}
