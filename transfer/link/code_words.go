package link

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"
)

const (
	// sureLetters tell one word of the list from all others.
	sureLetters = 3
	// mostEdits is how many wrong letters a word can have and still be told: no two
	// words of the list are nearer than three, or than two if letters are swapped.
	mostEdits = 2
	// rolls is how many words four dice pick from.
	rolls = 6 * 6 * 6 * 6
)

// wordAt is the word that GenerateCode takes for the n-th result of its dice; "" for the
// one word that has the separator in it, which is rolled again.
func wordAt(n int) string {
	w := diceware.WordListEffSmall().WordAt(1000*(1+n/216) + 100*(1+n/36%6) + 10*(1+n/6%6) + 1 + n%6)
	if strings.Contains(w, "-") {
		return ""
	}
	return w
}

// wordList is what GenerateCode draws from, sorted.
type wordList []string

func ourWords() wordList {
	list := make(wordList, 0, rolls)
	for n := range rolls {
		if w := wordAt(n); w != "" {
			list = append(list, w)
		}
	}
	slices.Sort(list)
	return list
}

func (l wordList) has(text string) bool {
	_, found := slices.BinarySearch(l, text)
	return found
}

// begin returns the words that begin with text.
func (l wordList) begin(text string) wordList {
	from, _ := slices.BinarySearch(l, text)
	to := from
	for to < len(l) && strings.HasPrefix(l[to], text) {
		to++
	}
	return l[from:to]
}

// nearest returns the word that is at most mostEdits away from text, if it is the only
// one that near; "" otherwise.
func (l wordList) nearest(text string) string {
	best, least := "", mostEdits+1
	if len(text) <= sureLetters {
		least = mostEdits // two edits of three letters leave one
	}
	for _, w := range l {
		if n := len(w) - len(text); n < -mostEdits || n > mostEdits {
			continue
		}
		switch n := edits(text, w); {
		case n < least:
			best, least = w, n
		case n == least:
			best = ""
		}
	}
	return best
}

// edits counts the letters to add, leave out, replace or swap with the next one that
// make a out of b.
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// split returns the n words that letters consist of, if that is so in one way only.
func (l wordList) split(letters string, n int) []string {
	ways := l.splits(letters, n)
	if len(ways) != 1 {
		return nil
	}
	return ways[0]
}

func (l wordList) splits(letters string, n int) (ways [][]string) {
	if n == 0 && letters == "" {
		return [][]string{nil}
	}
	for end := sureLetters; n > 0 && end <= len(letters); end++ {
		if len(l.begin(letters[:end])) == 0 {
			break
		}
		if l.has(letters[:end]) {
			for _, rest := range l.splits(letters[end:], n-1) {
				ways = append(ways, append([]string{letters[:end]}, rest...))
			}
		}
	}
	return ways
}

// CodeWords returns the words of the codes that GenerateCode makes up, sorted: those that
// begin with prefix.
func CodeWords(prefix string) []string { return ourWords().begin(strings.ToLower(prefix)) }

// CompleteCode returns what the beginning of a code can become by its last word, for a
// person who asks for that: "173-caj" becomes "173-cajoling-", with a hyphen as more
// words follow. It is sorted, and empty if nothing fits.
func CompleteCode(text string) []string {
	parts := strings.FieldsFunc(asPlain(text), isSeparator)
	if n := len(asPlain(text)); n > 0 && isSeparator(rune(asPlain(text)[n-1])) {
		parts = append(parts, "")
	}
	if len(parts) == 0 || len(parts) > 1+codeWords || !isRoom(parts[0]) {
		return nil
	}
	last := len(parts) - 1
	if last == 0 {
		return []string{parts[0] + "-"}
	}
	var all []string
	for _, w := range CodeWords(parts[last]) {
		parts[last] = w
		whole := strings.Join(parts, "-")
		if last < codeWords {
			whole += "-"
		}
		all = append(all, whole)
	}
	return all
}

// isRoom reports whether text is a room number as GenerateCode draws one.
func isRoom(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && 1 <= n && n <= maxRoom && text == strconv.Itoa(n)
}

// isSeparator reports what may stand between the words of a code.
func isSeparator(r rune) bool { return r == '-' || r <= ' ' }
