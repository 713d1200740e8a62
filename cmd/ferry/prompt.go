package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// question shows a question and returns the line that is typed, without spaces around
// it. No progress is drawn meanwhile. What was typed before the question was shown is
// thrown away. If ctx ends, the question is withdrawn.
func (s *screen) question(ctx context.Context, env *Env, text string) (string, error) {
	return s.questionBelow(ctx, env, "", text, func() {})
}

// questionBelow shows a question and, if above is not empty, a row above it, which may be
// changed from then on that shown is called.
func (s *screen) questionBelow(ctx context.Context, env *Env, above, text string, shown func()) (string, error) {
	if s.typed == nil {
		s.typed = &typed{from: env.Stdin}
	}
	s.ask(s.typed.discard, above, text)
	shown()
	line, err := s.typed.line(ctx)
	if err == nil {
		s.answered()
	} else {
		s.withdraw()
	}
	return strings.TrimSpace(line), err
}

// accept returns a function that asks a person at the terminal whether to take an offer.
// While the question stands, the row above it follows what the sender announces.
func accept(env *Env, s *screen, to *landing) func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
	return func(ctx context.Context, o transfer.Offer, grown <-chan transfer.Extent) error {
		o.Extent = waitCount(ctx, o.Extent, grown)
		room := s.row()
		above, last := to.proposal(o).rows(room)
		for _, row := range above {
			s.say(row)
		}
		asking, answered := context.WithCancel(ctx)
		var following sync.WaitGroup
		begun := make(chan struct{})
		following.Go(func() {
			<-begun
			follow(asking, o.Extent, grown, barTick, func(e transfer.Extent) { s.add(changed(last(e))) })
		})
		answer, err := s.questionBelow(ctx, env, last(o.Extent), acceptText(o, to, room), func() { close(begun) })
		answered()
		following.Wait()
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

// acceptText is the question itself, in a row of at most room columns.
func acceptText(o transfer.Offer, to *landing, room int) string {
	start := "Take it into "
	switch {
	case o.DryRun:
		start = "A dry run, which changes nothing: look at "
	case to.stream:
		start = "Write it to "
	case o.Items > 1:
		start = "Take them into "
	}
	const end = "? [y/N] "
	return start + fit(to.name(), max(room-len(start)-len(end)-len("yes"), 1)) + end
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
		here, offered := versionsText(k)
		s.say("    here     " + here)
		s.say("    offered  " + offered)
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

// versionsText shows both versions of an item, as exactly as it takes to tell one from the
// other.
func versionsText(k transfer.Conflict) (here, offered string) {
	here = itemText(k.Existing.Kind, k.Existing.Size, k.Existing.MTime)
	offered = itemText(k.Offered.Kind, k.Offered.Size, k.Offered.MTime)
	if here != offered || k.Existing.Kind != tree.File {
		return here, offered
	}
	if k.Existing.Size != k.Offered.Size {
		return fmt.Sprintf("%s (%d bytes)", here, k.Existing.Size), fmt.Sprintf("%s (%d bytes)", offered, k.Offered.Size)
	}
	if k.Existing.MTime != k.Offered.MTime {
		return fmt.Sprintf("%s.%09d", here, k.Existing.MTime.Nsec), fmt.Sprintf("%s.%09d", offered, k.Offered.MTime.Nsec)
	}
	return here, offered + ", with other content"
}

// itemText shows a version of an item by its kind or size and its time.
func itemText(kind tree.Kind, size int64, mtime tree.Time) string {
	when := time.Unix(mtime.Sec, 0).Format(time.DateTime)
	if kind == tree.File {
		return fmt.Sprintf("%s of %s", sizeText(size), when)
	}
	return fmt.Sprintf("%s of %s", kindText(kind), when)
}
