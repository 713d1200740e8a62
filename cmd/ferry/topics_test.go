package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The names are a contract, and each text has the form that the lists need.
func TestTopics(t *testing.T) {
	var names []string
	app := newApp(&Env{})
	for _, topic := range topics() {
		names = append(names, topic.name)
		if lookup(app, topic.name) != nil {
			t.Errorf("%s is a command and a topic", topic.name)
		}
		if n := utf8.RuneCountInString(topic.summary); n == 0 || n > 64 {
			t.Errorf("the first line of topics/%s.txt has %d characters; the list of topics has room for 1 to 64", topic.name, n)
		}
		if !strings.HasSuffix(topic.text, "\n") || strings.HasSuffix(topic.text, "\n\n") {
			t.Errorf("topics/%s.txt does not end in one newline", topic.name)
		}
		for i, line := range strings.Split(topic.text, "\n") {
			if utf8.RuneCountInString(line) > helpColumns || strings.ContainsAny(line, "\t\r") || strings.HasSuffix(line, " ") {
				t.Errorf("topics/%s.txt, line %d: over %d columns, or a tab, or spaces at its end: %q", topic.name, i+3, helpColumns, line)
			}
		}
	}
	for _, name := range strings.Fields("exit code filters delete archive resume json speed limits platforms") {
		if !slices.Contains(names, name) {
			t.Errorf("the topic %s is missing", name)
		}
	}
}
