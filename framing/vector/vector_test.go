package vector

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	long := bytes.Repeat([]byte{0x01, 0xfe}, 200)
	var a, b Stanza
	a.Add("name", "one: with a colon")
	a.AddBytes("hex", long)
	a.AddBytes("none", nil)
	b.Add("name", "two")
	b.AddNumber("n", 1<<63)
	path := filepath.Join(t.TempDir(), "v.txt")
	if err := Write(path, "two stanzas\nfor people", []Stanza{a, b}); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d stanzas, %v", len(got), err)
	}
	for i, want := range []Stanza{a, b} {
		if !got[i].Equal(&want) {
			t.Errorf("stanza %d is %v, written was %v", i, got[i].fields, want.fields)
		}
	}
	if v, err := got[0].Bytes("hex"); err != nil || !bytes.Equal(v, long) {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	if v, err := got[0].Bytes("none"); err != nil || len(v) != 0 {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	if v, err := got[1].Number("n"); err != nil || v != 1<<63 {
		t.Errorf("%d, %v", v, err)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"no key\n", "  00\n", "a: 1\na: 2\n"} {
		if all, err := parse(text); err == nil {
			t.Errorf("%q is taken as %v", text, all)
		}
	}
	all, err := parse("name: x\nn: -1\nhex: 0g\r\n\r\n\r\nother: y\r\n")
	if err != nil || len(all) != 2 {
		t.Fatalf("%d stanzas, %v", len(all), err)
	}
	if _, err := all[0].Number("n"); err == nil {
		t.Error("a negative number is taken")
	}
	if _, err := all[0].Bytes("hex"); err == nil {
		t.Error("digits that are none are taken")
	}
	if _, err := all[1].Text("hex"); err == nil || !strings.Contains(err.Error(), `"other: y"`) {
		t.Errorf("a key that is not there: %v", err)
	}
}
