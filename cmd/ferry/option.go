package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// The categories of flags, in the order in which help shows them.
const (
	aboutConnection  = "Connection"
	aboutSent        = "What is sent"
	aboutKept        = "What is kept"
	aboutDestination = "At the destination"
	aboutChecked     = "What is checked"
	aboutSpeed       = "Speed"
	aboutLimits      = "Limits"
	aboutOutput      = "Output"
)

var categories = []string{aboutConnection, aboutSent, aboutKept, aboutDestination, aboutChecked, aboutSpeed, aboutLimits, aboutOutput}

// option is a flag with all that help, the manual page and completion say of it, so that
// none of them can differ from the others.
type option struct {
	cli.DocGenerationFlag
	category string
	daily    bool     // the short help shows it, and not only --help --all
	values   []string // what completion offers as its value
	files    bool     // its value is the name of a file or folder
	further  string   // whole sentences that only the manual page has room for
}

// optionOf returns f as an option, which it may already be.
func optionOf(f cli.Flag) *option {
	if o, ok := f.(*option); ok {
		return o
	}
	return &option{DocGenerationFlag: f.(cli.DocGenerationFlag)}
}

// everyday marks a flag that the short help shows.
func everyday(f cli.Flag) *option {
	o := optionOf(f)
	o.daily = true
	return o
}

// oneOf adds the values that completion offers.
func (o *option) oneOf(values ...string) *option {
	o.values = values
	return o
}

// aFile says that the value is the name of a file or folder.
func (o *option) aFile() *option {
	o.files = true
	return o
}

// more adds to the manual page what does not fit into the one line of help.
func (o *option) more(sentences string) *option {
	o.further = sentences
	return o
}

// in puts flags into a category.
func in(category string, flags ...cli.Flag) []cli.Flag {
	for i, f := range flags {
		o := optionOf(f)
		o.category = category
		flags[i] = o
	}
	return flags
}

// usage returns in two what a flag is for: the name of its value, which stands between
// backquotes, and the sentence. A name before a colon at its start is no part of it.
func (o *option) usage() (placeholder, text string) {
	text = o.GetUsage()
	before, rest, found := strings.Cut(text, "`")
	name, after, closed := strings.Cut(rest, "`")
	if !found || !closed {
		return "", text
	}
	if text, ok := strings.CutPrefix(after, ": "); ok && before == "" {
		return name, text
	}
	return name, before + name + after
}

// summary is the sentence with the value that holds without the flag, if there is one to
// speak of.
func (o *option) summary() string {
	_, text := o.usage()
	v := o.GetValue()
	switch f := o.DocGenerationFlag.(type) {
	case *cli.StringFlag:
		v = cmp.Or(f.DefaultText, v)
	case *cli.DurationFlag:
		v = cmp.Or(f.DefaultText, v)
	}
	if !o.TakesValue() || v == "" || v == "0" {
		return text
	}
	return text + " (default: " + asGiven(v) + ")"
}

// asGiven is a duration, as its String has it, in the way that people give one: 10m for 10m0s.
// Other text stays as it is.
func asGiven(text string) string {
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// spelling is how a flag is written, as "-o, --out DIR".
func (o *option) spelling() string {
	short, long := "    ", ""
	for _, name := range o.Names() {
		switch {
		case len(name) == 1:
			short = "-" + name + ", "
		case long == "":
			long = "--" + name
		}
	}
	if name, _ := o.usage(); name != "" {
		long += " " + name
	}
	return short + long
}

// optionsOf returns the flags of a command by their categories, in order, and leaves out
// categories without any. Unless all is set only the everyday ones are returned.
func optionsOf(cmd *cli.Command, all bool) (groups []optionGroup) {
	for _, c := range categories {
		g := optionGroup{category: c}
		for _, f := range cmd.Flags {
			if o := optionOf(f); o.category == c && (all || o.daily) {
				g.options = append(g.options, o)
			}
		}
		if len(g.options) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// optionGroup holds the flags of one category.
type optionGroup struct {
	category string
	options  []*option
}

// hasMore reports whether a command has flags that the short help does not show.
func hasMore(cmd *cli.Command) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return !optionOf(f).daily })
}
