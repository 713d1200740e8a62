package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"

	"ferry/transfer/link/admission"
)

const (
	minCode   = 6 // characters of a code, room and separator included
	maxCode   = 128
	codeWords = 3 // of 1295 words: 31 bits beside the room
	codeDice  = 4 // rolls that pick one word of the EFF's second short list
	maxRoom   = 999
)

// errCode says that a text is no pairing code. It does not quote the text, which may be a
// secret.
var errCode = fmt.Errorf("a code looks like 7-copper-violin-meadow: ROOM-SECRET, %d to %d plain characters", minCode, maxCode)

// Code is a pairing code. Its text comes out of Reveal only: every fmt verb and
// every encoder prints a placeholder, so that it cannot end up in a log.
type Code struct {
	// A pointer, because fmt prints the fields of unexported structs without
	// asking their methods, and of a pointer in there only the address.
	text *string
}

// GenerateCode makes up a code of a room number (1 to 999) and three words
// of the EFF's second short list, 31 bits beside the room.
func GenerateCode() (Code, error) {
	room, err := rand.Int(rand.Reader, big.NewInt(maxRoom))
	if err != nil {
		return Code{}, fmt.Errorf("drawing a room number: %w", err)
	}
	parts := []string{strconv.FormatInt(room.Int64()+1, 10)}
	list := diceware.WordListEffSmall()
	for len(parts) <= codeWords {
		roll, err := diceware.RollWord(codeDice)
		if err != nil {
			return Code{}, fmt.Errorf("drawing a word: %w", err)
		}
		// One word of the list has the separator in it.
		if w := list.WordAt(roll); w != "" && !strings.Contains(w, "-") {
			parts = append(parts, w)
		}
	}
	return newCode(strings.Join(parts, "-")), nil
}

// ParseCode reads a code: upper case is folded, runs of spaces count as one separator.
// ReadCode understands more of what people type. The error does not quote s.
func ParseCode(s string) (Code, error) {
	s = strings.ToLower(strings.Join(strings.Fields(s), "-"))
	if len(s) < minCode || len(s) > maxCode {
		return Code{}, errCode
	}
	for _, c := range []byte(s) {
		// Beyond ASCII one text has several spellings in bytes.
		if c <= ' ' || c > '~' {
			return Code{}, errCode
		}
	}
	room, secret, found := strings.Cut(s, "-")
	if !found || room == "" || strings.Trim(secret, "-") == "" {
		return Code{}, errCode
	}
	return newCode(s), nil
}

// Room is the part of the code by which the two sides find each other. It is no secret,
// and "" without a code.
func (c Code) Room() string {
	room, _, _ := strings.Cut(c.Reveal(), "-")
	return room
}

// InRoom is the code with another room, which a relay has free.
func (c Code) InRoom(number uint64) Code {
	return newCode(strconv.FormatUint(number, 10) + "-" + c.secret())
}

// What makes a secret hard to guess.
const (
	// MinBits is what a secret needs not to be weak.
	MinBits = 28
	// wordBits is what a word of ours counts, wherever it comes from.
	wordBits = 10
	// longSecret is the number of characters, without words of ours and hyphens, from
	// which a secret may be guessed at for ever.
	longSecret = 20
)

// secret is all but the room, which counts nothing.
func (c Code) secret() string {
	_, secret, _ := strings.Cut(c.Reveal(), "-")
	return secret
}

// strength estimates the secret from its length and the classes of its characters:
// its bits, and the characters that are neither in words of ours nor between words.
func (c Code) strength() (bits float64, characters int) {
	list := ourWords()
	var class [3]bool // letters, digits, others
	for part := range strings.SplitSeq(c.secret(), "-") {
		if list.has(part) {
			bits += wordBits
			continue
		}
		characters += len(part)
		for _, ch := range []byte(part) {
			switch {
			case 'a' <= ch && ch <= 'z':
				class[0] = true
			case '0' <= ch && ch <= '9':
				class[1] = true
			default:
				class[2] = true
			}
		}
	}
	alphabet := 0
	for i, size := range []int{26, 10, 32} {
		if class[i] {
			alphabet += size
		}
	}
	if alphabet > 0 {
		bits += float64(characters) * math.Log2(float64(alphabet))
	}
	return bits, characters
}

// Weak tells that the secret has less than MinBits.
func (c Code) Weak() bool {
	bits, _ := c.strength()
	return bits < MinBits
}

// allowance is what the code bears: with 64 guesses, one made up here is guessed
// with a chance of 3e-8.
func (c Code) allowance() admission.Allowance {
	bits, characters := c.strength()
	switch {
	case characters >= longSecret:
		return admission.Allowance{}
	case bits >= MinBits:
		return admission.Bounded(64)
	}
	return admission.Bounded(3)
}

func newCode(s string) Code { return Code{text: &s} }

// isZero tells that no code was set.
func (c Code) isZero() bool { return c.text == nil }

// Reveal returns the code itself, to be shown to the person who passes it on.
func (c Code) Reveal() string {
	if c.text == nil {
		return ""
	}
	return *c.text
}

const redacted = "[code]"

func (c Code) String() string { return redacted }

// Format prints the placeholder whatever the verb.
func (c Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText refuses: a code belongs into no file and no message.
func (c Code) MarshalText() ([]byte, error) {
	return nil, errors.New("a code is not written down")
}
