package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"
)

const (
	minCode   = 6 // characters of a code, room and separator included
	maxCode   = 128
	codeWords = 3 // of 1295 words: 31 bits beside the room
	codeDice  = 4 // rolls that pick one word of the EFF's second short list
	maxRoom   = 999
)

// ErrCode says that a text is no pairing code. It never carries the text.
var ErrCode = fmt.Errorf("a code looks like 7-copper-violin-meadow: ROOM-SECRET, %d to %d plain characters", minCode, maxCode)

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

// ParseCode reads a code as a person types it: upper case is folded, runs of
// spaces count as one separator. The error is ErrCode.
func ParseCode(s string) (Code, error) {
	s = strings.ToLower(strings.Join(strings.Fields(s), "-"))
	if len(s) < minCode || len(s) > maxCode {
		return Code{}, ErrCode
	}
	for _, c := range []byte(s) {
		// Beyond ASCII one text has several spellings in bytes.
		if c <= ' ' || c > '~' {
			return Code{}, ErrCode
		}
	}
	room, secret, found := strings.Cut(s, "-")
	if !found || room == "" || strings.Trim(secret, "-") == "" {
		return Code{}, ErrCode
	}
	return newCode(s), nil
}

func newCode(s string) Code { return Code{text: &s} }

// IsZero tells that no code was set.
func (c Code) IsZero() bool { return c.text == nil }

// Room is the part that may be made public to find each other by.
func (c Code) Room() string {
	room, _, _ := strings.Cut(c.Reveal(), "-")
	return room
}

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
