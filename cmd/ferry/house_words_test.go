package main

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostWords is the most that a sentence may have.
const mostWords = 40

// ruleSentences looks at comments and at the documents.
func ruleSentences(h *house) (faults []fault) {
	long := func(where string, paragraphs []string) {
		for _, p := range paragraphs {
			for _, s := range sentences(p) {
				if len(s) > mostWords {
					faults = append(faults, fault{strings.Join(s[:6], " "), fmt.Sprintf("%s: a sentence of %d words: %s …", where, len(s), strings.Join(s[:12], " "))})
				}
			}
		}
	}
	for _, r := range h.rooms {
		for _, s := range r.sources {
			for _, g := range s.syntax.Comments {
				long(h.at(g), commentParagraphs(g))
			}
		}
	}
	for name, text := range h.texts {
		long(name, paragraphs(strings.Split(text, "\n"), true))
	}
	return faults
}

// What README.md may have: a stranger reads it in five minutes.
const (
	readmeWords = 1200
	readmeWidth = 100 // columns of a line that is no row of a table
)

// ruleReadme looks at how much there is to read in README.md.
func ruleReadme(h *house) (faults []fault) {
	text := h.texts["README.md"]
	if n := len(strings.Fields(text)); n > readmeWords {
		faults = append(faults, fault{"README.md", fmt.Sprintf("%d words, %d are enough: details go to cmd/ferry/topics", n, readmeWords)})
	}
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "|") && utf8.RuneCountInString(line) > readmeWidth {
			faults = append(faults, fault{"README.md", fmt.Sprintf("README.md has a line of over %d columns: %s", readmeWidth, line)})
		}
	}
	return faults
}

// commentParagraphs leaves out directives.
func commentParagraphs(g *ast.CommentGroup) []string {
	var lines []string
	for _, c := range g.List {
		text := strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
		for line := range strings.SplitSeq(text, "\n") {
			line, slashes := strings.CutPrefix(line, "//")
			if slashes && line != "" && line[0] != ' ' && line[0] != '\t' {
				continue // go:build and the like
			}
			lines = append(lines, strings.TrimPrefix(line, " "))
		}
	}
	return paragraphs(lines, false)
}

var (
	itemMark = regexp.MustCompile(`^\s*([-*]|[0-9]+[.)]) `)
	codeSpan = regexp.MustCompile("``[^`]+``|`[^`]+`")
)

// paragraphs joins the lines of each paragraph and of each item of a list. Code,
// tables and headings are none.
func paragraphs(lines []string, markdown bool) (all []string) {
	var current []string
	inItem, fenced := false, false
	end := func() {
		if len(current) > 0 {
			all = append(all, strings.Join(current, " "))
		}
		current = nil
	}
	for _, line := range lines {
		bare := strings.TrimSpace(line)
		indented := strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "    ") || !markdown && strings.HasPrefix(line, "  ")
		switch {
		case strings.HasPrefix(bare, "```"):
			end()
			fenced = !fenced
		case fenced:
		case bare == "":
			end()
			inItem = inItem && markdown
		case strings.HasPrefix(bare, "|"), strings.HasPrefix(line, "#"):
			end()
			inItem = false
		case itemMark.MatchString(line):
			end()
			inItem = true
			current = append(current, itemMark.ReplaceAllString(line, ""))
		case indented && !inItem:
			end()
		default:
			if !indented && !strings.HasPrefix(line, " ") && len(current) == 0 {
				inItem = false
			}
			current = append(current, bare)
		}
	}
	end()
	return all
}

// abbreviations end in a dot that ends no sentence.
var abbreviations = []string{"e.g.", "i.e.", "vs.", "cf.", "etc."}

// sentences splits a paragraph into sentences of words. What is code counts as one
// word, and marks alone count as none.
func sentences(paragraph string) (all [][]string) {
	var current []string
	for _, word := range strings.Fields(codeSpan.ReplaceAllString(paragraph, "code")) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			current = append(current, word)
		}
		closed := strings.TrimRight(word, "\"')]*_”’")
		if strings.HasSuffix(closed, ".") || strings.HasSuffix(closed, "?") || strings.HasSuffix(closed, "!") {
			if !slices.Contains(abbreviations, strings.TrimLeft(closed, "(")) {
				all, current = append(all, current), nil
			}
		}
	}
	return append(all, current)
}
