package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// question shows a question and returns the line that is typed, without spaces
// around it. Nothing is drawn in between. One that nobody waits for any more is
// withdrawn; what is typed then answers the next.
func (c *console) question(ctx context.Context, env *Env, text string) (string, error) {
	if c.typed == nil {
		c.typed = &typed{from: env.Stdin}
	}
	c.ask(text)
	line, err := c.typed.line(ctx)
	if err == nil {
		c.answered()
	} else {
		c.withdraw()
	}
	return strings.TrimSpace(line), err
}

// accept returns the question whether an offer is wanted, for a person at the
// terminal.
func accept(env *Env, c *console, place string) func(context.Context, transfer.Offer) error {
	return func(ctx context.Context, o transfer.Offer) error {
		for _, line := range offerLines(o) {
			c.say(line)
		}
		text := "take it into " + show(place) + "? [y/N] "
		if o.DryRun {
			text = "it is a dry run: say what would become of it in " + show(place) + ", and change nothing? [y/N] "
		}
		answer, err := c.question(ctx, env, text)
		if err == io.EOF {
			return errDeclined
		}
		if err != nil {
			return err
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			return nil
		}
		return errDeclined
	}
}

// offerLines show an offer as far as it is listed. The sender may be anybody who
// knows the code, so names are escaped before they are lined up.
func offerLines(o transfer.Offer) []string {
	head := fmt.Sprintf("%s offers %s", o.Peer, items(o.Items))
	if o.Bytes > 0 {
		head += ", " + sizeText(o.Bytes)
	}
	if !o.Exact {
		head += " and more that is not counted yet"
	}
	lines := []string{head + ":"}
	for _, it := range o.Listed {
		size, name := "", show(it.Name)
		if it.Kind == tree.File && it.Size >= 0 {
			size = sizeText(it.Size)
		}
		if it.Kind == tree.Root {
			name = "(what is in a folder)"
		}
		lines = append(lines, fmt.Sprintf("    %-8s %10s  %s", kindText(it.Kind), size, name))
	}
	if more := o.Items - int64(len(o.Listed)); more > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more", more))
	}
	return lines
}

// resolve returns the question what to do about a conflict. A capital letter
// answers the conflicts after it too.
func resolve(env *Env, c *console) func(context.Context, transfer.Conflict) (transfer.ConflictPolicy, error) {
	policies := map[string]transfer.ConflictPolicy{
		"s": transfer.ConflictSkip, "o": transfer.ConflictOverwrite, "r": transfer.ConflictRename, "f": transfer.ConflictFail,
	}
	var always *transfer.ConflictPolicy
	return func(ctx context.Context, k transfer.Conflict) (transfer.ConflictPolicy, error) {
		if always != nil {
			return *always, nil
		}
		c.say(fmt.Sprintf("%s exists: %s; offered: %s", show(k.Path),
			itemText(k.Existing.Kind, k.Existing.Size, k.Existing.MTime), itemText(k.Offered.Kind, k.Offered.Size, k.Offered.MTime)))
		for {
			answer, err := c.question(ctx, env, "[s]kip, [o]verwrite, [r]ename, [f]ail; a capital for all: ")
			if err == io.EOF { // nobody will answer
				always = new(transfer.ConflictFail)
				return *always, nil
			}
			if err != nil {
				return transfer.ConflictFail, err
			}
			policy, known := policies[strings.ToLower(answer)]
			if !known {
				continue
			}
			if answer != strings.ToLower(answer) {
				always = &policy
			}
			return policy, nil
		}
	}
}

// itemText is what tells one version of an item from another at a glance.
func itemText(kind tree.Kind, size int64, mtime tree.Time) string {
	when := time.Unix(mtime.Sec, 0).Format(time.DateTime)
	if kind == tree.File {
		return fmt.Sprintf("%s of %s", sizeText(size), when)
	}
	return fmt.Sprintf("%s of %s", kindText(kind), when)
}
