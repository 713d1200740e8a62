package storage

import (
	"strings"
	"testing"

	"ferry/transfer/tree"
)

func TestAlternative(t *testing.T) {
	long := strings.Repeat("ä", 127) + "x" // 255 bytes
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"photo.jpg", 1, "photo (1).jpg"},
		{"archive", 2, "archive (2)"},
		{".profile", 1, ".profile (1)"},
		{"a.b.c", 10, "a.b (10).c"},
		{"x.", 1, "x (1)."},
		{long, 1, strings.Repeat("ä", 125) + " (1)"},
		{strings.Repeat("a", 251) + ".txt", 12, strings.Repeat("a", 246) + " (12).txt"},
		{"a." + strings.Repeat("b", 253), 1, "a." + strings.Repeat("b", 249) + " (1)"},
		{strings.Repeat("\x80", 255), 1, strings.Repeat("\x80", 247) + " (1)"},
	} {
		got := Alternative(c.name, c.n)
		if got != c.want || len(got) > tree.MaxName {
			t.Errorf("Alternative(%q, %d) is %q, want %q", c.name, c.n, got, c.want)
		}
	}
}
