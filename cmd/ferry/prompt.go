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

// question shows a question and returns the line that is typed, without spaces around
// it. No progress is drawn meanwhile. What was typed before the question was shown is
// thrown away. If ctx ends, the question is withdrawn.
func (s *screen) question(ctx context.Context, env *Env, text string) (string, error) {
	if s.typed == nil {
		s.typed = &typed{from: env.Stdin}
	}
	s.ask(s.typed.discard, text)
	line, err := s.typed.line(ctx)
	if err == nil {
		s.answered()
	} else {
		s.withdraw()
	}
	return strings.TrimSpace(line), err
}

// accept returns a function that asks a person at the terminal whether to take an offer.
func accept(env *Env, s *screen, place string) func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
	return func(ctx context.Context, o transfer.Offer, _ <-chan transfer.Extent) error {
		room := s.row()
		for _, row := range offerLines(o, room) {
			s.say(row)
		}
		start, end := "take it into ", "? [y/N] "
		if o.DryRun {
			start, end = "a dry run, which changes nothing: look at ", "? [y/N] "
		}
		text := start + fit(place, max(room-len(start)-len(end)-len("yes"), 1)) + end
		answer, err := s.question(ctx, env, text)
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

// offerLines show an offer as far as it is listed, each item in one row of at most room
// columns. The sender may be anybody who knows the code, so no name may look like a row
// of its own. Names that begin with a dot come last, apart from the others: people do
// not see such files later, and programs read them.
func offerLines(o transfer.Offer, room int) []string {
	head := fmt.Sprintf("%s offers %s", o.Peer, items(o.Items))
	if o.Bytes > 0 {
		head += ", " + sizeText(o.Bytes)
	}
	if !o.Exact {
		head += " and more that is not counted yet"
	}
	lines := []string{head + ":"}
	var dotted []string
	for _, it := range o.Listed {
		row := offerRow(it, room)
		if strings.HasPrefix(it.Name, ".") {
			dotted = append(dotted, row)
		} else {
			lines = append(lines, row)
		}
	}
	if more := o.Items - int64(len(o.Listed)); more > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more", more))
	}
	if len(dotted) > 0 {
		lines = append(lines, "  and with names that begin with a dot, which hides them:")
	}
	return append(lines, dotted...)
}

// offerRow is one item of an offer.
func offerRow(it transfer.OfferItem, room int) string {
	size := ""
	if it.Kind == tree.File && it.Size >= 0 {
		size = sizeText(it.Size)
	}
	row := fmt.Sprintf("    %-8s %10s  ", kindText(it.Kind), size)
	if room-columns(row) < minName {
		row = "    " + kindText(it.Kind) + "  "
	}
	return row + fit(it.Name, max(room-columns(row), 1))
}

// resolve returns a function that asks what to do about a conflict. A capital letter
// also answers all later conflicts.
func resolve(env *Env, s *screen) func(context.Context, transfer.Conflict) (transfer.ConflictPolicy, error) {
	policies := map[string]transfer.ConflictPolicy{
		"s": transfer.ConflictSkip, "o": transfer.ConflictOverwrite, "r": transfer.ConflictRename, "f": transfer.ConflictFail,
	}
	var always *transfer.ConflictPolicy
	return func(ctx context.Context, k transfer.Conflict) (transfer.ConflictPolicy, error) {
		if always != nil {
			return *always, nil
		}
		const exists = " exists:"
		s.say(fit(k.Path, max(s.row()-len(exists), 1)) + exists)
		s.say("    here     " + itemText(k.Existing.Kind, k.Existing.Size, k.Existing.MTime))
		s.say("    offered  " + itemText(k.Offered.Kind, k.Offered.Size, k.Offered.MTime))
		for {
			answer, err := s.question(ctx, env, "[s]kip, [o]verwrite, [r]ename, [f]ail; a capital for all: ")
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

// itemText shows a version of an item by its kind or size and its time.
func itemText(kind tree.Kind, size int64, mtime tree.Time) string {
	when := time.Unix(mtime.Sec, 0).Format(time.DateTime)
	if kind == tree.File {
		return fmt.Sprintf("%s of %s", sizeText(size), when)
	}
	return fmt.Sprintf("%s of %s", kindText(kind), when)
}
