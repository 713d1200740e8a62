package tree

import "testing"

func TestFoldKey(t *testing.T) {
	for _, class := range [][]string{
		{"Same", "same", "SAME", "same.", "same ", "Same. ."},
		{"é", "e\u0301", "É", "E\u0301"},
		{"straße", "STRASSE", "strasse", "STRA\u1e9eE"},
		{"\u212aelvin", "kelvin", "KELVIN"}, // the sign for it
		{"\uff21", "a"},                     // full width
		{"ﬁ", "fi", "FI"},
		{"ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ"},
		{"ᾳ", "αι", "ΑΙ"},
		{"a\u200db", "ab"},
		{"\xff", "\xff"},
		{"가", "\u1100\u1161"},
	} {
		for _, name := range class[1:] {
			if FoldKey(name) != FoldKey(class[0]) {
				t.Errorf("%q and %q have two keys, %q and %q", class[0], name, FoldKey(class[0]), FoldKey(name))
			}
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"a", "ä"}, {"o", "ø"}, {"a.b", "a"}, {".a", "a"}, {"a b", "ab"}, {"1", "2"}, {"\xff", "\xfe"}} {
		if FoldKey(pair[0]) == FoldKey(pair[1]) {
			t.Errorf("%q and %q have one key", pair[0], pair[1])
		}
	}
}

func TestIsShortName(t *testing.T) {
	for name, want := range map[string]bool{
		"LONGFI~1.TXT": true, "progra~1": true, "a~12.b": true,
		"~1": false, "a~": false, "a~b": false, "a.txt.~1~": false, "LONGFIL~1.TXT": false, "a~1.text": false, "a~1.b.c": false,
	} {
		if IsShortName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
