package main

import (
	"math"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "4096": 4096, "10B": 10, "007": 7, "0M": 0,
		"1K": 1 << 10, "1k": 1 << 10, "1KiB": 1 << 10, "1kib": 1 << 10, "10M": 10 << 20, "10MiB": 10 << 20, "3g": 3 << 30,
		"2T": 2 << 40, "2TiB": 2 << 40, "1P": 1 << 50, "7E": 7 << 60,
		"1.5GiB": 3 << 29, "0.5K": 512, "1.25M": 5 << 18, "0.0000001K": 0, "0.1G": 107374182, "1.999999999999999999999K": 2047,
		"7.999999999999999999E": math.MaxInt64 - 1, "0.000000000000000001E": 1, "1.0K": 1024, "1.000K": 1024, "0.33333333333333333333333333K": 341,
		"9223372036854775807": math.MaxInt64, "8388607T": 8388607 << 40,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "M", "B", ".", ".5K", "5.K", "1.5", "1.5B", "-1", "+1", " 1", "1 ", "1 M", "1,5M", "1_000", "0x10", "1e6", "1e6K",
		"1KB", "1MB", "1kb", "1Mb", "1Kib2", "1KiBB", "1KI", "1Mi", "1BK", "1Z", "1.2.3K", "1..2K", "Inf", "NaN", "1K1", "1µ", "١",
		"9223372036854775808", "8E", "8.0E", "9007199254740992K", "8388608T", "99999999999999999999", "1/s", "1\x00", "\xff",
		"1.00000000000000000000000000000000000000000K",
	} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d", text, got)
		}
	}
}

// FuzzParseSize compares with float64, which is right to 53 bits.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1", "10M", "1.5GiB", "0.1g", "7.9E", "1KB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if err != nil {
			if n != 0 {
				t.Errorf("parseSize(%q) = %d with %v", text, n, err)
			}
			return
		}
		if want := floatSize(text); n < 0 || math.Abs(float64(n)-want) > 1+want/(1<<50) {
			t.Errorf("parseSize(%q) = %d, floats say %g", text, n, want)
		}
	})
}

func floatSize(text string) float64 {
	value, scale, point := 0.0, 1.0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			point = true
		case c >= '0' && c <= '9':
			value = value*10 + float64(c-'0')
			if point {
				scale *= 10
			}
		default:
			unit := map[byte]float64{'K': 10, 'M': 20, 'G': 30, 'T': 40, 'P': 50, 'E': 60}[c&^0x20]
			return value / scale * math.Pow(2, unit)
		}
	}
	return value / scale
}
