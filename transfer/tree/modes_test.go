package tree_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ferry/transfer/tree"
)

func TestModes(t *testing.T) {
	for _, c := range []struct {
		text         string
		file, folder uint32 // of 0640 and 0750
	}{
		{"755", 0o755, 0o755},
		{"D755,F644", 0o644, 0o755},
		{"u=rwX,go=rX", 0o644, 0o755},
		{"a+X", 0o640, 0o751},
		{"+X", 0o640, 0o751},
		{"g+w,o=g", 0o666, 0o777},
		{"F+x", 0o751, 0o750},
		{"+w", 0o660&^0o022 | 0o640, 0o750}, // the umask has it
		{"u-w,D+t", 0o440, 0o1550},
		{"u+s", 0o4640, 0o4750},
		{"D2775,F664", 0o664, 0o2775},
		{"a=", 0, 0},
	} {
		m, err := tree.ParseModes(c.text, 0o022)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		file, folder := m.Apply(0o640, tree.File), m.Apply(0o750, tree.Folder)
		if file != c.file || folder != c.folder {
			t.Errorf("%s makes %04o and %04o, want %04o and %04o", c.text, file, folder, c.file, c.folder)
		}
		if link := m.Apply(0o777, tree.Symlink); link != 0o777 {
			t.Errorf("%s gives a link the mode %o", c.text, link)
		}
	}
	for _, bad := range []string{"", ",", "D", "u", "8", "755,", "x", "u=rwxq", "77777", "17777", "a755", "u=gr", "DF755", "u=rw x"} {
		if m, err := tree.ParseModes(bad, 0); err == nil {
			t.Errorf("%q is taken for %v", bad, m)
		}
	}
}

// chmod(1) is the oracle: whatever it takes is taken, and comes to the same.
func TestModesAgreeWithChmod(t *testing.T) {
	if _, err := exec.LookPath("chmod"); err != nil || runtime.GOOS != "linux" {
		t.Skip("chmod of coreutils is not here")
	}
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "f"), filepath.Join(dir, "d")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from string, most int) string {
		var b strings.Builder
		for range random.IntN(most + 1) {
			b.WriteByte(from[random.IntN(len(from))])
		}
		return b.String()
	}
	type trial struct {
		text string
		was  uint32
		kind tree.Kind
	}
	var trials []trial
	script := "umask 027\n"
	for range 80 {
		text := fmt.Sprintf("%o", random.IntN(0o10000)) // chmod takes it alone only
		if random.IntN(5) > 0 {
			var clauses []string
			for range 1 + random.IntN(3) {
				clause := pick("ugoa", 2)
				for range 1 + random.IntN(2) {
					clause += string("+-="[random.IntN(3)])
					if random.IntN(4) == 0 {
						clause += string("ugo"[random.IntN(3)])
					} else {
						clause += pick("rwxXst", 3)
					}
				}
				clauses = append(clauses, clause)
			}
			text = strings.Join(clauses, ",")
		}
		was := uint32(random.IntN(0o10000))
		for path, kind := range map[string]tree.Kind{file: tree.File, folder: tree.Folder} {
			trials = append(trials, trial{text, was, kind})
			// chmod grumbles, and sets the mode, where the umask kept it from what was asked.
			script += fmt.Sprintf("chmod %05o %[2]s && chmod -- %[3]s %[2]s 2>/dev/null; stat -c %%a %[2]s\n", was, path, text)
		}
	}
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	if len(got) != len(trials) {
		t.Fatalf("%d modes of %d: %s", len(got), len(trials), out)
	}
	for i, want := range got {
		c := trials[i]
		m, err := tree.ParseModes(c.text, 0o027)
		if is := fmt.Sprintf("%o", m.Apply(c.was, c.kind)); err != nil || is != want {
			t.Errorf("%s of %04o, a %v: %s and %v, and chmod makes it %s", c.text, c.was, c.kind, is, err, want)
		}
	}
}

func FuzzParseModes(f *testing.F) {
	for _, seed := range []string{"755", "D755,F644", "u=rwX,go=rX", "g=u", "+t", "Da-x+X", "00755"} {
		f.Add(seed, uint32(0o644))
	}
	f.Fuzz(func(t *testing.T, text string, mode uint32) {
		m, err := tree.ParseModes(text, 0o022)
		if err != nil {
			return
		}
		mode &= 0o7777
		for _, kind := range []tree.Kind{tree.File, tree.Folder} {
			if got := m.Apply(mode, kind); got&^0o7777 != 0 || len(m) == 0 {
				t.Errorf("%q makes %o of %o", text, got, mode)
			}
		}
	})
}
