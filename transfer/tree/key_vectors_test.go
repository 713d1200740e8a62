package tree

import (
	"encoding/hex"
	"errors"
	"flag"
	"strconv"
	"testing"

	"ferry/framing/vector"
)

var update = flag.Bool("update", false, "write the vectors of testdata/names again")

// keyVectors are those that PROTOCOL.md, section 10, describes: names, their keys, and
// whether they can be the name of a state folder. They were checked against a program
// that was written from PROTOCOL.md alone.
const keyVectors = "../../testdata/names/keys.txt"

// keyed are the names of the vectors. Those of one line have one key.
var keyed = [][]string{
	{"a", "A", "a.", "a ", "a. .", "\uff21", "a\u200d", "\u00ada", "a\ufe0f"},
	{"a.b"}, {".a"}, {"a b"}, {"...", " "},
	{"\u00e9", "e\u0301", "\u00c9", "E\u0301"},
	{"\u00e4", "a\u0308"},
	{"stra\u00dfe", "STRASSE", "stra\u1e9ee"},
	{"\u212aelvin", "kelvin"},
	{"\ufb01", "fi"},
	{"\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"},
	{"\u1fb3", "\u03b1\u03b9"},
	{"\u0131", "i", "I"}, {"\u0130", "i\u0307"},
	{"\uac00", "\u1100\u1161"},
	{"\u01c5", "d\u017e", "DZ\u030c"},
	{"\u00bd", "1\u20442"},
	{"\xff", "\xff."}, {"\xfe"}, {"\xe4\xb8a"},
	{"caf\u00e9\xff", "CAFE\u0301\xff"},
	{".ferry-partial", ".Ferry-Partial", ".FERRY-PARTIAL", ".ferry-partial.", ".ferry-partial ", ".ferry-partial. .", ".ferry\u200c-partial",
		".ferry\u00ad-partial", "\ufeff.ferry-partial", "\uff0eferry\uff0dpartial", "\u2024ferry-partial", ".ferry-part\u0131al",
		".ferry-partial\u00a0", ".ferry-partial\ufe0f"},
	{".ferry-partial-", ".FERRY-PARTIAL-"}, {".ferry-partial-1000", ".ferry-partial\u200d-1000", "\uff0e\uff26erry-partial-1000", "\U000e0001.ferry-partial-1000"},
	{".ferry-partial-x y"}, {".ferry-partial-\xff"}, {".ferry-partial-a", ".ferry-partial-A"},
	{".ferry-partialx"}, {".ferry-partial_1"}, {".ferry-partial.txt"}, {".ferry-partia"}, {"ferry-partial"}, {"x.ferry-partial"},
	{".ferry-partial\xff"}, {"\xff.ferry-partial"}, {" .ferry-partial"},
}

func TestKeyVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, class := range keyed {
		for _, name := range class {
			key := FoldKey(name)
			if key != FoldKey(class[0]) {
				t.Errorf("%q and %q have two keys, %q and %q", class[0], name, FoldKey(class[0]), key)
			}
			if refused := errors.Is(CheckName(name), ErrOwnState); refused != IsStateName(name) {
				t.Errorf("%q is the name of a state folder: %v, and is refused as one: %v", name, IsStateName(name), refused)
			}
			state := "no"
			if IsStateName(name) {
				state = "yes"
			}
			var s vector.Stanza
			s.Add("text", strconv.QuoteToASCII(name))
			s.Add("name", hex.EncodeToString([]byte(name)))
			s.AddBytes("key", []byte(key))
			s.Add("state", state)
			stanzas = append(stanzas, s)
		}
	}
	vector.Compare(t, keyVectors, "Names, their keys, and whether a state folder may have them. The text is for people.\n", stanzas, *update)
}
