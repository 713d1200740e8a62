package main

import (
	"fmt"
	"strings"
	"time"
)

// jsonSumResult is what checksum ends with.
type jsonSumResult struct {
	Type    string     `json:"type"` // result
	OK      bool       `json:"ok"`
	Exit    int        `json:"exit"`
	Files   int64      `json:"files"`
	Bytes   int64      `json:"bytes"`
	Failed  int64      `json:"failed"`
	Differ  int64      `json:"differ"`
	Missing int64      `json:"missing,omitempty"`
	Invalid int64      `json:"invalid"` // lines of the list
	Extra   *int64     `json:"extra,omitempty"`
	Elapsed int64      `json:"elapsed_ms"`
	Error   *jsonError `json:"error,omitempty"`
}

// matched is the last line of a check, as "30 files match, 2.05 GiB in 2.3 s". What does
// not match is counted apart.
func (r jsonSumResult) matched(took time.Duration) string {
	parts := []string{filesText(r.Files) + " match"}
	if r.Files == 1 {
		parts[0] += "es"
	}
	parts = append(parts, r.wrong()...)
	if r.Extra != nil && *r.Extra > 0 {
		parts = append(parts, numbered(*r.Extra, "is not in the list", "are not in the list"))
	}
	end := sizeText(r.Bytes) + " in " + elapsed(took)
	if len(parts) == 1 {
		return parts[0] + ", " + end
	}
	return strings.Join(parts, ", ") + "; " + end
}

// wrong counts each thing that is wrong.
func (r jsonSumResult) wrong() (parts []string) {
	for _, n := range []struct {
		count     int64
		one, many string
	}{
		{r.Differ, "differs", "differ"},
		{r.Missing, "is missing", "are missing"},
		{r.Failed, "could not be read", "could not be read"},
		{r.Invalid, "line of the list is not valid", "lines of the list are not valid"},
	} {
		if n.count > 0 {
			parts = append(parts, numbered(n.count, n.one, n.many))
		}
	}
	return parts
}

// text is what is wrong, as an error, "" if nothing is.
func (r jsonSumResult) text() string {
	text := strings.Join(r.wrong(), ", ")
	if r.Differ+r.Missing+r.Failed == 0 {
		return text
	}
	number, rest, _ := strings.Cut(text, " ")
	if number == "1" {
		return number + " file " + rest
	}
	return number + " files " + rest
}

func numbered(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func filesText(n int64) string { return numbered(n, "file", "files") }
