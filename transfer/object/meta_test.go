package object

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// What is encoded is read back, in the form that rclone writes.
func TestMeta(t *testing.T) {
	for text, when := range map[string]tree.Time{
		"0":                             {},
		"1500000000":                    {Sec: 1_500_000_000},
		"1500000000.1234567":            {Sec: 1_500_000_000, Nsec: 123_456_700},
		"1.000000001":                   {Sec: 1, Nsec: 1},
		"-1.5":                          {Sec: -2, Nsec: 500_000_000},
		"-0.5":                          {Sec: -1, Nsec: 500_000_000},
		"-2":                            {Sec: -2},
		"9223372036854775807.999999999": {Sec: math.MaxInt64, Nsec: 999_999_999},
		"-9223372036854775808":          {Sec: math.MinInt64},
		"-9223372036854775807.25":       {Sec: math.MinInt64, Nsec: 750_000_000},
	} {
		m := meta{MTime: when, Mode: 0o640, Digest: checksum.Sum([]byte(text)), HasMTime: true, HasMode: true, HasDigest: true}
		user := m.encode()
		want := map[string]string{"mtime": text, "mode": "640", "blake3": checksum.Sum([]byte(text)).String()}
		if !maps.Equal(user, want) {
			t.Errorf("%v is %v, want %v", when, user, want)
		}
		if got := decodeMeta(user); got != m {
			t.Errorf("%v reads as %+v", user, got)
		}
	}
	if n := len(meta{}.encode()); n != 0 {
		t.Errorf("nothing is %d values", n)
	}
}

// Other tools may have written more than is needed.
func TestMetaOfOthers(t *testing.T) {
	m := decodeMeta(map[string]string{"mtime": "5.1234567899", "mode": "100755", "x": "y"})
	if want := (meta{MTime: tree.Time{Sec: 5, Nsec: 123_456_789}, Mode: 0o755, HasMTime: true, HasMode: true}); m != want {
		t.Errorf("%+v", m)
	}
}

// What is no value is none, whatever it is.
func TestHostileMeta(t *testing.T) {
	long := strings.Repeat("1", 1<<20)
	for _, text := range []string{
		"", " ", "-", ".", "1.", ".5", "--1", "+1", "1e9", "0x10", "1_000", "1.-5", "1.5.5", "inf", "NaN", "١", "9223372036854775808", "-9223372036854775808.5", long, "1\n", "1\x00",
	} {
		m := decodeMeta(map[string]string{"mtime": text, "mode": "8" + text, "blake3": text})
		if m != (meta{}) {
			t.Errorf("%.40q is %+v", text, m)
		}
	}
	if m := decodeMeta(map[string]string{"blake3": strings.Repeat("g", 64)}); m != (meta{}) {
		t.Errorf("%+v", m)
	}
}

func FuzzMeta(f *testing.F) {
	f.Add("1500000000.5", "644", strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, mtime, mode, digest string) {
		m := decodeMeta(map[string]string{"mtime": mtime, "mode": mode, "blake3": digest})
		if m.Mode > 0o777 || m.MTime.Nsec >= 1e9 {
			t.Fatalf("%+v", m)
		}
		if again := decodeMeta(m.encode()); again != m {
			t.Fatalf("%+v reads as %+v", m, again)
		}
	})
}

func TestKeys(t *testing.T) {
	for _, key := range []string{"a", "a/b c", "ü/語", "a\n", "a/b\t.txt", " ", "a:b", "...", "\\"} {
		for _, folder := range []bool{false, true} {
			given := key
			if folder {
				given += "/"
			}
			if path, is, err := pathOfKey(given); path != key || is != folder || err != nil {
				t.Errorf("%q is %q, %v, %v", given, path, is, err)
			}
		}
	}
	for _, key := range []string{
		"", "/", "//", "/a", "a//", "a//b", ".", "..", "../a", "a/./b", "a/..", "a/../b", "a\x00", "a\x01b", "\xff", "\x7f", "\uffff",
		".ferry-partial", ".ferry-partial/x", "a/.Ferry-Partial-7/b", strings.Repeat("n", 256), strings.Repeat("a/", 1<<20),
	} {
		if path, _, err := pathOfKey(key); err == nil {
			t.Errorf("%.40q is %q", key, path)
		} else if !errors.Is(err, errKey) && !errors.Is(err, tree.ErrName) {
			t.Errorf("%.40q: %v", key, err)
		}
	}
	if checkKey(1000, strings.Repeat("k", 24)) != nil || checkKey(1000, strings.Repeat("k", 25)) == nil {
		t.Error("a key may have 1024 bytes, with the prefix")
	}
	if !isStateKey(".ferry-partial/x") || isStateKey("a/.ferry-partial") || isStateKey("x") {
		t.Error("other keys are ferry's own")
	}
}
