package main

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// topicFiles are texts about one subject each. The first line of a file is its summary
// in lists, the second is empty, and the rest is the text.
//
//go:embed topics/*.txt
var topicFiles embed.FS

// topic is a subject that `ferry help` explains.
type topic struct {
	name, summary, text string
}

// topics returns all of them in the order of their names.
func topics() []topic {
	names, err := fs.Glob(topicFiles, "topics/*.txt")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var all []topic
	for _, name := range names {
		content, err := topicFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		summary, text, _ := strings.Cut(string(content), "\n")
		all = append(all, topic{strings.TrimSuffix(path.Base(name), ".txt"), summary, strings.TrimLeft(text, "\n")})
	}
	return all
}

// topicNamed returns the topic of that name.
func topicNamed(name string) (t topic, found bool) {
	all := topics()
	i := slices.IndexFunc(all, func(t topic) bool { return t.name == name })
	if i < 0 {
		return t, false
	}
	return all[i], true
}
