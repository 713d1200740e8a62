package main

import (
	"runtime"
	"strings"
)

// style is what a terminal can show beyond plain ASCII. The zero style is that of a file.
type style struct {
	colour bool
	blocks bool // a bar of block characters
}

// colour is a control sequence that turns on a colour by its meaning (ECMA-48, SGR). Only
// the 8 old colours are used: each terminal shows them so that they can be read.
type colour string

const (
	bold   colour = "\x1b[1m"  // what to read: a code, a percentage
	dim    colour = "\x1b[2m"  // names, and what is not done
	red    colour = "\x1b[31m" // a failure
	green  colour = "\x1b[32m" // done
	yellow colour = "\x1b[33m" // a warning

	colourEnd = "\x1b[m"
)

// paint puts c around text, which is escaped already: the sequences would not survive
// that, nor should those of a name.
func (s style) paint(c colour, text string) string {
	if !s.colour || text == "" || c == "" {
		return text
	}
	return string(c) + text + colourEnd
}

// mark paints the first occurrence of part in a line that is escaped already.
func (s style) mark(c colour, line, part string) string {
	before, after, found := strings.Cut(line, part)
	if !found {
		return line
	}
	return before + s.paint(c, part) + after
}

// lead paints what a line begins with, up to its first colon, or all of it. A name never
// comes before that.
func (s style) lead(c colour, line string) string {
	if i := strings.Index(line, ": "); i >= 0 {
		return s.paint(c, line[:i+1]) + line[i+1:]
	}
	return s.paint(c, line)
}

// verdict paints the rows that tell how all ended, the first of which counts what is done.
func (s style) verdict(rows []string, failed bool) []string {
	for i, row := range rows {
		switch {
		case strings.HasPrefix(row, "ferry: "):
			rows[i] = s.lead(red, row)
		case i == 0 && !failed:
			rows[i] = s.paint(green, row)
		}
	}
	return rows
}

// style is that of standard error.
func (e *Env) style() style {
	if !e.redraws() {
		return style{}
	}
	return style{colour: e.Getenv("NO_COLOR") == "", blocks: runtime.GOOS == "windows" || e.utf8()}
}

// utf8 reports whether the locale is one of UTF-8, by POSIX's order of the variables.
func (e *Env) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(e.Getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}
