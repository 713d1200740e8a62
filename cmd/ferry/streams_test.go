package main

import "testing"

func TestParseStreams(t *testing.T) {
	for text, want := range map[string]int{"auto": 0, "1": 1, "16": 16} {
		if n, err := parseStreams(text); err != nil || n != want {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "0", "17", "-1", "1.5", "many", "Auto", "99999999999999999999"} {
		if n, err := parseStreams(text); err == nil {
			t.Errorf("%q is %d, want an error", text, n)
		}
	}
}
