package tree

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"ferry/transfer/tree/treetest"
)

// readList returns the paths of a list, "!" for one that may be passed over, and the
// error that ends it.
func readList(list io.Reader, from0 bool) ([]string, error) {
	l := newListReader(list, "list", from0)
	var paths []string
	for {
		path, err := l.Next()
		switch {
		case err == nil:
			paths = append(paths, path)
		case errors.Is(err, ErrName) || errors.Is(err, ErrTooDeep):
			paths = append(paths, "!")
		case errors.Is(err, io.EOF):
			return paths, nil
		default:
			return paths, err
		}
	}
}

func TestListReader(t *testing.T) {
	for _, c := range []struct {
		list  string
		from0 bool
		want  []string
	}{
		{"", false, nil},
		{"\n\n", false, nil},
		{"a\nb/c\n", false, []string{"a", "b/c"}},
		{"a\nb", false, []string{"a", "b"}},
		{"a\n\n\nb\n", false, []string{"a", "b"}},
		{"./a\n./b//c/\nd/./e\n.\n./\n", false, []string{"a", "b/c", "d/e", ".", "."}},
		{"# no comment\n! a\n-x\n", false, []string{"# no comment", "! a", "-x"}},
		{"a\r\nb\r\n\r\nc\r", false, []string{"a", "b", "c"}},
		{"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", false, []string{"a", "\xef\xbb\xbfb"}},
		{"/a\n..\n../a\na/../b\na/..\nok\n", false, []string{"!", "!", "!", "!", "!", "ok"}},
		{"//a\nok", false, []string{"!", "ok"}},
		{".ferry-partial/x\na/.ferry-partial\nok", false, []string{"!", "!", "ok"}},
		{"a\x00b\x00", false, []string{"!"}},
		{"a\x00b/c\x00", true, []string{"a", "b/c"}},
		{"a\x00\x00b", true, []string{"a", "b"}},
		{"\xef\xbb\xbfa\x00", true, []string{"\xef\xbb\xbfa"}},
		{"../x\x00/x\x00ok\x00", true, []string{"!", "!", "ok"}},
		{strings.Repeat("x", MaxName+1) + "\nok\n", false, []string{"!", "ok"}},
		{strings.Repeat("a/", MaxDepth+1) + "b\nok\n", false, []string{"!", "ok"}},
		{strings.Repeat("a/", MaxDepth) + "b\n", false, []string{strings.Repeat("a/", MaxDepth) + "b"}},
		{strings.Repeat(strings.Repeat("x", 200)+"/", 180) + "b\nok\n", false, []string{"!", "ok"}},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.list), iotest.OneByteReader(strings.NewReader(c.list))} {
			if got, err := readList(r, c.from0); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%.40q (from0: %v): %.60q, %v, want %.60q", c.list, c.from0, got, err, c.want)
			}
		}
	}
}

// TestListReaderBytes: names are bytes, and a name may have line ends in it.
func TestListReaderBytes(t *testing.T) {
	treetest.Needs(t, treetest.AnyName)
	if got, err := readList(strings.NewReader(" a \n*\n"), false); err != nil || !slices.Equal(got, []string{" a ", "*"}) {
		t.Errorf("%q, %v", got, err)
	}
	got, err := readList(strings.NewReader("a\nb\r\x00\xff/\xfe\x00"), true)
	if want := []string{"a\nb\r", "\xff/\xfe"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestListReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	l := newListReader(io.MultiReader(strings.NewReader("ok\nhalf a na"), iotest.ErrReader(broken)), "list", false)
	if path, err := l.Next(); path != "ok" || err != nil {
		t.Fatalf("%q, %v", path, err)
	}
	for range 2 {
		if path, err := l.Next(); !errors.Is(err, broken) || path != "" {
			t.Errorf("a list that breaks off: %q, %v", path, err)
		}
	}

	l = newListReader(strings.NewReader("a\n"+strings.Repeat("./", maxListRecord)+"\nb\n"), "list", false)
	if path, err := l.Next(); path != "a" || err != nil {
		t.Fatalf("%q, %v", path, err)
	}
	for range 2 {
		if _, err := l.Next(); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "line 2 of list") {
			t.Errorf("an endless line: %v", err)
		}
	}

	l = newListReader(strings.NewReader("a\x00b\x00"), "list", false)
	if _, err := l.Next(); err == nil || !strings.Contains(err.Error(), "--from0") {
		t.Errorf("zero bytes without --from0: %v", err)
	}
	l = newListReader(strings.NewReader("a\x00..\x00"), "list", true)
	if _, err := l.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Next(); err == nil || !strings.Contains(err.Error(), "entry 2 of list") {
		t.Errorf("the second entry: %v", err)
	}
}

// FuzzListReader: whatever the list, a path stays inside the folder it is joined to.
func FuzzListReader(f *testing.F) {
	for _, s := range []string{"a\nb/c\n", "../a\n", "/a\x00./b\x00", "a//b/./c/\r\n", "\xef\xbb\xbfa", ".\n..\n...\n"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, list string, from0 bool) {
		paths, err := readList(strings.NewReader(list), from0)
		if err != nil && len(list) < maxListRecord {
			t.Errorf("%q: %v", list, err)
		}
		for _, p := range paths {
			if p == "." || p == "!" {
				continue
			}
			for c := range strings.SplitSeq(p, "/") {
				if err := CheckName(c); err != nil {
					t.Errorf("%q gives %q: %v", list, p, err)
				}
			}
		}
	})
}
