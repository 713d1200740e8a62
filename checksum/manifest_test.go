package checksum

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

var zero = strings.Repeat("0", 64)

func TestAppendLine(t *testing.T) {
	for name, want := range map[string]string{
		"plain":         zero + "  plain\n",
		"a/b c":         zero + "  a/b c\n",
		" ":             zero + "   \n",
		"*star":         zero + "  *star\n",
		"back\\slash":   "\\" + zero + "  back\\\\slash\n",
		"new\nline":     "\\" + zero + "  new\\nline\n",
		"\\n":           "\\" + zero + "  \\\\n\n",
		"cr\rmid":       zero + "  cr\rmid\n",
		"a\rb\r":        "\\" + zero + "  a\\rb\\r\n",
		"a\rb\n":        "\\" + zero + "  a\rb\\n\n",
		"é\u2028":       zero + "  é\u2028\n",
		"bad\xff\xc3":   "\\" + zero + "  bad\\xff\\xc3\n",
		"bad\xff\\":     "\\" + zero + "  bad\\xff\\\\\n",
		"repl\uFFFDace": "\\" + zero + "  repl\\xef\\xbf\\xbdace\n",
	} {
		got := AppendLine([]byte("before\n"), Digest{}, []byte(name))
		if string(got) != "before\n"+want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	for _, line := range []string{
		"", "\n", "\\", "plain", zero, zero + "  ", zero + "  \n", zero + " *plain", zero + "\t plain",
		zero[:63] + "   plain", "A" + zero[1:] + "  plain", "# " + zero + "  plain",
		"\\" + zero + "  a\\", "\\" + zero + "  a\\t", "\\" + zero + "  a\\x4", "\\" + zero + "  a\\x41", "\\" + zero + "  a\\xfg",
		"BLAKE3 () = " + zero, "BLAKE3 (a) = " + zero[1:], "BLAKE3 (a) " + zero, "BLAKE3 (a)= " + zero, "BLAKE2 (a) = " + zero,
		"BLAKE3 (a\\n\xff) = " + zero, "blake3 (a) = " + zero, "\r\n", zero + "  \r\n", "BLAKE3 (a) = " + strings.ToUpper("a"+zero[1:]),
		zero + "  a\x00b", zero + "  a\nb", zero + "  bad\xff", zero + "  repl\uFFFD", "\\" + zero + "  repl\uFFFD",
	} {
		if d, name, err := parseB3([]byte(line)); err == nil {
			t.Errorf("%q was accepted as %v of %q", line, d, name)
		}
	}
}

func TestParseLine(t *testing.T) {
	for line, want := range map[string]string{
		zero + "  plain":            "plain",
		"\\" + zero + "  plain\n":   "plain",
		zero + "  back\\slash\n":    "back\\slash",
		zero + "    two more\n":     "  two more",
		zero + "  cr\r\n":           "cr",
		zero + "  a\rb\r\r":         "a\rb",
		"\\" + zero + "  cr\\r\r\n": "cr\r",
		"\\" + zero + "  a\rb\\n":   "a\rb\n",

		"BLAKE3 (plain) = " + zero:                 "plain",
		"BLAKE3 (a) = b  c) = " + zero + "\r\n":    "a) = b  c",
		"BLAKE3 () = x) = " + zero:                 ") = x",
		"\\BLAKE3 (a\\nb\\\\\\r) = " + zero + "\n": "a\nb\\\r",
		"\\" + zero + "  a\\r\\\\n":                "a\r\\n",
		"\\" + zero + "  \\xFFé\\n ":               "\xffé\n ",
	} {
		_, name, err := parseB3([]byte(line))
		if err != nil || string(name) != want {
			t.Errorf("%q: %q, %v; want %q", line, name, err, want)
		}
	}
}

func FuzzLineRoundTrip(f *testing.F) {
	for _, s := range []string{"a", "a\\b", "a\nb\r", "\xff\xfe", "\uFFFD", "  ", "\\x41", "é\xc3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, name []byte) {
		if len(name) == 0 || bytes.IndexByte(name, 0) >= 0 {
			return
		}
		d := Sum(name)
		line := AppendLine(nil, d, name)
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q is not one line", line)
		}
		gotDigest, gotName, err := parseB3(line)
		if err != nil || gotDigest != d || !bytes.Equal(gotName, name) {
			t.Fatalf("%q came back as %q, %v, %v", name, gotName, gotDigest, err)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(zero + "  plain\n"))
	f.Add([]byte("\\" + zero + "  a\\\\b\\n\\xff\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		d, name, err := parseB3(line)
		if err != nil {
			return
		}
		if len(name) == 0 || bytes.IndexByte(name, 0) >= 0 {
			t.Fatalf("%q gave the name %q", line, name)
		}
		again, nameAgain, err := parseB3(AppendLine(nil, d, name))
		if err != nil || again != d || !bytes.Equal(name, nameAgain) {
			t.Fatalf("%q: %q became %q, %v", line, name, nameAgain, err)
		}
	})
}

func TestScanner(t *testing.T) {
	list := zero + "  a\n\nrubbish\n\\" + zero + "  b\\nc\n" + zero + "  last"
	s := NewScanner(iotest.OneByteReader(strings.NewReader(list)))
	var got []string
	for s.Scan() {
		l := s.Line()
		got = append(got, fmt.Sprintf("%d %q %t", l.Number, l.Name, l.Err != nil))
	}
	want := `1 "a" false,2 "" true,3 "" true,4 "b\nc" false,5 "last" false`
	if strings.Join(got, ",") != want || s.Err() != nil {
		t.Errorf("%v, %v; want %v", got, s.Err(), want)
	}
}

func TestScannerKnowsEditors(t *testing.T) {
	s := NewScanner(strings.NewReader("\xef\xbb\xbf" + zero + "  a\r\n" + zero + "  b\r\n"))
	for _, want := range []string{"a", "b"} {
		if !s.Scan() || s.Line().Err != nil || string(s.Line().Name) != want {
			t.Errorf("%+v instead of %s", s.Line(), want)
		}
	}
	s = NewScanner(strings.NewReader("\xff\xfe0\x000\x00\r\x00\n\x00"))
	if s.Scan() || s.Err() == nil || !strings.Contains(s.Err().Error(), "UTF-16") {
		t.Errorf("%+v, %v", s.Line(), s.Err())
	}
}

func TestScannerBoundsTheLine(t *testing.T) {
	for _, c := range []struct {
		name string // the line is 66 bytes longer
		want error
	}{
		{strings.Repeat("n", maxLine-66), nil},
		{strings.Repeat("n", maxLine-65), errLineTooLong},
	} {
		s := NewScanner(strings.NewReader(zero + "  " + c.name + "\n" + zero + "  b\n"))
		lines := 0
		for s.Scan() {
			lines++
		}
		if !errors.Is(s.Err(), c.want) || (c.want == nil) != (lines == 2) {
			t.Errorf("name of %d bytes: %d lines, %v", len(c.name), lines, s.Err())
		}
	}
}

func TestScannerReportsAReadError(t *testing.T) {
	s := NewScanner(io.MultiReader(strings.NewReader(zero+"  a\n"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	lines := 0
	for s.Scan() {
		lines++
	}
	if lines != 1 || !errors.Is(s.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("%d lines, %v", lines, s.Err())
	}
}

// oddNames are names that a Unix file system takes and that b3sum can write down.
var oddNames = []string{
	"plain", "two  spaces", " lead", "trail ", "*star", "#hash", "-dash", "back\\slash", "end\\",
	"new\nline", "\n", "\\n", "cr\rmid", "tab\t", "\x1b[31m", "é", "\u202e", "日本", strings.Repeat("n", 255),
}

func makeOddFiles(t *testing.T) (dir string, names []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the names are those of a Unix file system")
	}
	dir = t.TempDir()
	for i, name := range oddNames {
		if err := os.WriteFile(filepath.Join(dir, name), randomBytes(byte(i), i*1000), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, oddNames
}

func TestLinesAreThoseOfB3sum(t *testing.T) {
	needB3sum(t)
	dir, names := makeOddFiles(t)
	cmd := exec.Command("b3sum", append([]string{"--"}, names...)...)
	cmd.Dir = dir
	theirs, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var ours []byte
	for i, name := range names {
		ours = AppendLine(ours, Sum(randomBytes(byte(i), i*1000)), []byte(name))
	}
	if !bytes.Equal(ours, theirs) {
		t.Errorf("ours:\n%q\ntheirs:\n%q", ours, theirs)
	}
	s := NewScanner(bytes.NewReader(theirs))
	for i := 0; s.Scan(); i++ {
		if l := s.Line(); l.Err != nil || string(l.Name) != names[i] {
			t.Errorf("line %d: %q, %v; want %q", l.Number, l.Name, l.Err, names[i])
		}
	}
}

func TestB3sumChecksOurLines(t *testing.T) {
	needB3sum(t)
	dir, names := makeOddFiles(t)
	check := func(list []byte) error {
		cmd := exec.Command("b3sum", "--check", "--quiet")
		cmd.Dir = dir
		cmd.Stdin = bytes.NewReader(list)
		return cmd.Run()
	}
	var list []byte
	for i, name := range names {
		list = AppendLine(list, Sum(randomBytes(byte(i), i*1000)), []byte(name))
	}
	if err := check(list); err != nil {
		t.Error("b3sum --check refuses the list:", err)
	}
	if check(AppendLine(list, Sum(nil), []byte(names[1]))) == nil {
		t.Error("b3sum --check accepts a wrong digest: the check checks nothing")
	}
}
