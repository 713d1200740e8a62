package link

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

const ours = "173-cajoling-enormous-skylight"

// What people type and paste is understood, and what is somebody's own stays as it is.
func TestReadCode(t *testing.T) {
	command := "ferry receive --from 192.0.2.7:33779,[2001:db8::7]:33779"
	for text, want := range map[string]string{
		ours: ours,
		// Three letters a word, and more.
		"173 caj eno sky":               ours,
		"173-cajo-enor-skyl":            ours,
		"  173 CAJ   eno-sky\r\n":       ours,
		"173--cajoling---enormous- sky": ours,
		// What is around it.
		`"173-cajoling-enormous-skylight"`:            ours,
		"'173 caj eno sky'":                           ours,
		"\u201c173-cajoling-enormous-skylight\u201d.": ours,
		ours + ".":                           ours,
		"(" + ours + "),":                    ours,
		"code: " + ours:                      ours,
		"Code: code: '" + ours + "'":         ours,
		"FERRY_CODE=" + ours:                 ours,
		"export FERRY_CODE='" + ours + "'":   ours,
		"$env:FERRY_CODE = \"" + ours + "\"": ours,
		"\ufeff173\u00a0cajoling\u2009enormous\u3000skylight":                                              ours,
		"173\u2010cajoling\u2011enormous\u2015skylight":                                                    ours,
		"173\u2212cajoling\u2013enormous\u2014sky\u200blight":                                              ours,
		"\uff11\uff17\uff13 caj eno sky":                                                                   ours,
		command + "\nand give it this code when it asks:\n    " + ours + "\n":                              ours,
		"    " + command + "\r    " + ours:                                                                 ours,
		"and give it this code when it asks:     " + ours:                                                  ours,
		"on the other machine run:\n    " + command + "\nand give it this code when it asks:\n    " + ours: ours,
		"FERRY_CODE=" + ours + " " + command:                                                               ours,
		"$ FERRY_CODE=7-geheim/+1234 " + command:                                                           "7-geheim/+1234",
		"FERRY_CODE='173 caj eno sky' " + command:                                                          ours,
		"caj eno sky\n173 caj eno sky":                                                                     ours,
		// Own codes.
		"7-copper-violin-meadow":     "7-copper-violin-meadow",
		"room-p@ss!":                 "room-p@ss!",
		"7-pass.word.":               "7-pass.word.",
		"7--two--hyphens":            "7--two--hyphens",
		`7-a"quoted"b`:               `7-a"quoted"b`,
		"7-tree-fox-elk!":            "7-tree-fox-elk!",
		"12 Some Other CODE":         "12-some-other-code",
		"'7-secret-of-mine'":         "7-secret-of-mine",
		"7-tree-fox-elk-tiger":       "7-tree-fox-elk-tiger",
		"7 my code: of some words":   "7-my-code:-of-some-words",
		"2024-caj-eno-sky":           "2024-caj-eno-sky",
		"7-ferry-receive-everything": "7-ferry-receive-everything",
		"7-ca-en-sk-abcd":            "7-ca-en-sk-abcd",
	} {
		r, err := ReadCode(text)
		if err != nil || r.Code.Reveal() != want {
			t.Errorf("%q: %q, %v; want %q", text, r.Code.Reveal(), err, want)
		}
		if want == ours && (!r.Meant.isZero() || r.Doubt != nil) {
			t.Errorf("%q is questioned: %q, %v", text, r.Meant.Reveal(), r.Doubt)
		}
	}
}

// What is close to a code of ours is told, and left as it is.
func TestReadCodeMeant(t *testing.T) {
	for text, want := range map[string]struct {
		meant, typed string
		almost       bool
	}{
		"173-cajoling-enormous-skyligh":      {ours, "skyligh", true},
		"173-cajoling-enormous-sklyight":     {ours, "sklyight", true},
		"173 caj enormuos sky":               {ours, "enormuos", true},
		"173-cajole-enormous-skylight":       {ours, "cajole", false},
		"173-cajolig-enormos-skylight":       {ours, "cajolig enormos", false},
		"173-cajolig-enormos-skylihgt":       {ours, "cajolig enormos skylihgt", false},
		"173 cajo enormous skylihgt":         {ours, "skylihgt", false},
		"173cajoling enormous skylight":      {ours, "", false},
		"173, cajoling, enormous, sky":       {"", "", false},
		"173, cajoling, enormous, skylight.": {ours, "", false},
		"173-cajoling-enor mous-skylight":    {ours, "", false},
		"173_cajoling_enormous_skylight":     {ours, "", false},
		"it is " + ours + " I think":         {ours, "", false},
		ours + ours:                          {ours, "", false},
		ours + " " + ours:                    {ours, "", false},
		"7-tree-fox-elk-tiger":               {},
		"7-copper-violin-meadow":             {},
		"7-right-code-here":                  {},
		"12-some-other-code":                 {},
		"7-correct-horse-battery":            {},
	} {
		r, err := ReadCode(text)
		if err != nil && want.meant == "" || r.Meant.Reveal() != want.meant || strings.Join(r.Typed, " ") != want.typed || r.Almost != want.almost {
			t.Errorf("%q: %q for %q, almost %v, %v; want %v", text, r.Meant.Reveal(), r.Typed, r.Almost, err, want)
		}
		if own, err := ParseCode(text); err == nil && r.Code.Reveal() != own.Reveal() {
			t.Errorf("%q was changed to %q", text, r.Code.Reveal())
		}
	}
}

// What cannot be a code is said to be none, with the reason.
func TestReadCodeDoubt(t *testing.T) {
	for text, want := range map[string]error{
		"":                                     errCode,
		"...":                                  errCode,
		"ferry receive --from 192.0.2.7:33779": errCommand,
		"$ ferry receive":                      errCommand,
		"on the other machine run:":            errPrinted,
		"listening on 192.0.2.7:33779":         errPrinted,
		"C:\\Users\\x\\ferry.exe send --to 192.0.2.7:33779 x": errCommand,
		"two\nlines":                 errCode,
		ours + "\n7-tree-fox-elk\n":  errSeveral,
		ours + " 7-tree-fox-elk":     errSeveral,
		"cajoling enormous skylight": errNoRoom,
		"caj eno sky":                errNoRoom,
		"173-cajoling-enormous":      errFewerWords,
		"173 caj eno":                errFewerWords,
	} {
		r, err := ReadCode(text)
		if err == nil {
			err = r.Doubt
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if r, err := ReadCode("173-caj-zzq-sky"); err != nil || r.Strange != "zzq" {
		t.Errorf("%q, %v", r.Strange, err)
	}
}

func TestCompleteCode(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"173":                         "173-",
		"173 caj":                     "173-cajoling-",
		"173-cajoling-eno":            "173-cajoling-enormous-",
		"173-cajoling-enormous-sky":   ours,
		"173-CAJ-eno sky":             "173-caj-eno-skylight",
		"173-zzz":                     "",
		"173-cajoling-enormous-sky-a": "",
		"1730-caj":                    "",
	} {
		if got := strings.Join(CompleteCode(text), " "); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if n := len(CompleteCode("173-")); n != 1295 {
		t.Errorf("%d words can be the first", n)
	}
	if got := CodeWords("SKY"); len(got) != 1 || got[0] != "skylight" {
		t.Errorf("words: %q", got)
	}
}

// Three letters tell a word, and one wrong letter makes no word of another: what
// abbreviations and corrections stand on.
func TestWordsAreDistinct(t *testing.T) {
	list := ourWords()
	if len(list) != 1295 {
		t.Fatalf("%d words", len(list))
	}
	for i, w := range list {
		if n := len(list.begin(w[:3])); n != 1 {
			t.Errorf("%d words begin as %s does", n, w)
		}
		for _, other := range list[:i] {
			if n := len(w) - len(other); n < -1 || n > 1 {
				continue
			}
			if n := edits(w, other); n < mostEdits {
				t.Errorf("%s and %s are %d apart", w, other, n)
			}
		}
	}
}

// FuzzReadCode: a code of ours is found in whatever people make of it. Reading twice is
// reading once. A code of ours comes out of no other text but by its own letters.
func FuzzReadCode(f *testing.F) {
	for _, text := range []string{ours, "173 caj eno sky", "code: " + ours, "7-my--own.", "ferry receive --from h:1\n" + ours, `FERRY_CODE="7-a b"`, "code: code:x-abcdef", "\"'7-abcdef'\""} {
		f.Add(text, uint64(7))
	}
	list := ourWords()
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		draw := rand.New(rand.NewPCG(seed, 0))
		code, messy := messOf(list, draw)
		if r, err := ReadCode(messy); err != nil || r.Code.Reveal() != code || !r.Meant.isZero() || r.Doubt != nil {
			t.Errorf("%q is read as %q, %v", messy, r.Code.Reveal(), err)
		}
		r, err := ReadCode(text)
		if err != nil {
			return
		}
		once := r.Code.Reveal()
		again, err := ReadCode(once)
		if err != nil || again.Code.Reveal() != once {
			t.Errorf("%q is read as %q, and that as %q, %v", text, once, again.Code.Reveal(), err)
		}
		if !list.isGenerated(r.Code) {
			return
		}
		rest := asPlain(text)
		for part := range strings.SplitSeq(once, "-") {
			part = part[:min(len(part), sureLetters)]
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Fatalf("%q is read as %q, though %q is not in it", text, once, part)
			}
			rest = after
		}
	})
}

// messOf draws a code, and what somebody may type or paste for it.
func messOf(list wordList, draw *rand.Rand) (code, messy string) {
	pick := func(of ...string) string { return of[draw.IntN(len(of))] }
	room := strconv.Itoa(1 + draw.IntN(maxRoom))
	code, messy = room, room
	for range codeWords {
		w := list[draw.IntN(len(list))]
		code += "-" + w
		if short := w[:sureLetters+draw.IntN(len(w)-sureLetters+1)]; list.whole([]string{short}) != nil {
			w = short
		}
		messy += pick("-", " ", "--", " - ", "\u2013", "\u00a0", "\t", "\u2011", "\u2212") + pick(w, strings.ToUpper(w), strings.ToUpper(w[:1])+w[1:])
	}
	switch draw.IntN(4) {
	case 0:
		return code, pick("\"", "'", "(", "\u201c", "`") + messy + pick("\"", "'", ")", "\u201d", "`", ".")
	case 1:
		return code, pick("code: ", "Code = ", "FERRY_CODE=", "\ufeff") + messy + pick("", "\n", ".", " \r\n")
	case 2:
		return code, "ferry receive --from [2001:db8::7]:33779" + pick("\n", " ", "\r\n    ") + pick("", "and give it this code when it asks: ") + code + pick("", "\n")
	}
	return code, pick("", " ", "\n") + messy + pick("", "\n", "\r\n", ".")
}
