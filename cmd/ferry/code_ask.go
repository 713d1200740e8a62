package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

const (
	codeQuestion = "code: "
	// meetQuestion is for a person whose other side may have shown a code.
	meetQuestion = "code from the sender (Enter: make one up here): "
	// What people can do at the question, where keys are handed over and where not.
	codeKeys  = "three letters a word will do, Tab completes"
	codePlain = "three letters a word will do"
)

// asked is where a person is asked for a code.
type asked struct {
	open   bool // it is not known whether there is one
	source *codeSource
	in     io.Reader
	out    io.Writer
	on     *screen // of the delivery, nil if there is none: its own lines may be queued
	raw    bool    // lines can be edited
}

// ask asks on the terminal, and again if what is typed cannot be a code. on is the screen
// if there is one already. why, if not empty, is shown before the first question.
func (s *codeSource) ask(ctx context.Context, on *screen, why string) (link.Code, error) {
	a := &asked{source: s, in: s.env.Stdin, out: s.env.Stderr, on: on, raw: s.env.redraws(), open: s.asks()}
	if !s.env.interactive() {
		// Standard input carries the data, but a person may sit at the terminal.
		if !s.pairing.stdinIsData {
			return link.Code{}, s.pairing.noCode()
		}
		tty, err := s.env.OpenTTY()
		if err != nil {
			return link.Code{}, s.pairing.noCode()
		}
		defer tty.Close()
		a.in, a.out, a.on, a.raw = tty, tty, nil, s.env.Getenv("TERM") != "dumb"
	}
	if s.edit == nil {
		s.edit = &editor{width: s.env.columns, modes: s.env.Modes, key: codeKey}
	}
	s.edit.in, s.edit.out, s.edit.over = a.in, a.out, a.over
	a.raw = a.raw && s.edit.works()
	if s.left == maxQuestions {
		a.say(map[bool]string{true: codeKeys, false: codePlain}[a.raw])
	}
	for s.left > 0 {
		s.left--
		if why != "" {
			a.say(why)
		}
		code, reason, err := a.once(ctx)
		if err != nil {
			return link.Code{}, s.pairing.stopped(ctx, s.pairing.noCode())
		}
		if reason == "" {
			s.typed = !s.without
			return code, nil
		}
		why = reason
	}
	if on == nil {
		fmt.Fprintln(a.out, why)
	}
	return link.Code{}, s.pairing.noCode()
}

// once asks once. reason says why what was typed is not taken.
func (a *asked) once(ctx context.Context) (code link.Code, reason string, err error) {
	question := codeQuestion
	if a.open {
		question = meetQuestion
	}
	text, err := a.line(ctx, question)
	if errors.Is(err, errLongLine) {
		return link.Code{}, "that is too long for a code", nil
	}
	if err != nil {
		return link.Code{}, "", err
	}
	r, bad := link.ReadCode(text)
	address := isAddress(text, r)
	if a.open && (address || bad != nil && r.Meant.Reveal() == "") && a.otherwise(text) {
		return link.Code{}, "", nil
	}
	if address {
		return link.Code{}, a.source.pairing.noAddress().Error(), nil
	}
	doubt := r.Doubt
	switch {
	case r.Meant.Reveal() != "":
		yes, other, err := a.agrees(ctx, meantText(r), true)
		if err != nil {
			return link.Code{}, "", err
		}
		if other.Reveal() != "" {
			return other, "", nil
		}
		if yes {
			return r.Meant, "", nil
		}
	case bad == nil && r.Strange != "":
		yes, other, err := a.agrees(ctx, r.Strange+" is none of ferry's words: is the code right all the same?", false)
		if err != nil {
			return link.Code{}, "", err
		}
		if other.Reveal() != "" {
			return other, "", nil
		}
		if !yes {
			return link.Code{}, "the arrow up brings back what was typed", nil
		}
	}
	if bad == nil {
		bad = a.source.tooWeak(r)
	}
	if bad == nil && !a.source.pairing.weakCode {
		bad = doubt
	}
	if bad != nil {
		return link.Code{}, bad.Error(), nil
	}
	return r.Code, "", nil
}

// otherwise understands what is no code where one need not be there: nothing, or as a
// kindness an address of the other side, which is dialled then.
func (a *asked) otherwise(text string) bool {
	s := a.source
	if strings.TrimSpace(text) == "" {
		s.without = true
		return true
	}
	list := pastedAddress(text)
	if list == nil {
		return false
	}
	s.without, s.pairing.to, s.pairing.dial = true, list, reach.Join(list)
	s.pairing.ways.lan = s.pairing.ways.lan && s.pairing.ways.forced
	s.left = maxQuestions // those were not about the code
	return true
}

// pastedAddress reads an address, or the command that dials one; nil if text is neither. A
// single word is not looked up as a name: it may be a part of a code.
func pastedAddress(text string) []reach.Address {
	words := strings.Fields(text)
	command := false
	for _, lead := range []string{"ferry", "receive", "--from"} {
		if len(words) > 0 && words[0] == lead {
			words, command = words[1:], true
		}
	}
	if len(words) != 1 || !command && !reach.LooksLikeAddress(words[0]) {
		return nil
	}
	list, err := reach.ParseList(words[0])
	if err == nil {
		err = reach.CheckZones(list)
	}
	if err != nil || link.HasCode(words[0]) {
		return nil
	}
	return list
}

// meantText asks whether another code is meant.
func meantText(r link.Reading) string {
	if len(r.Typed) == 0 {
		return "you mean " + r.Meant.Reveal() + "?"
	}
	return strings.Join(r.Typed, ", ") + "? you mean " + strings.Join(r.Words, ", ")
}

// agrees asks a question that yes or no answers; yes is what an empty line means. Whoever
// sees the mistake may type the code again in the place of an answer: other is that code.
func (a *asked) agrees(ctx context.Context, question string, yes bool) (agreed bool, other link.Code, err error) {
	question += map[bool]string{true: " [Y/n] ", false: " [y/N] "}[yes]
	for {
		answer, err := a.line(ctx, question)
		if err != nil {
			return false, link.Code{}, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "":
			return yes, link.Code{}, nil
		case "y", "yes":
			return true, link.Code{}, nil
		case "n", "no":
			return false, link.Code{}, nil
		}
		if r, err := link.ReadCode(answer); err == nil && r.Ours() {
			return false, r.Code, nil
		}
	}
}

// line puts a question and returns what is typed.
func (a *asked) line(ctx context.Context, question string) (string, error) {
	if a.raw {
		text, err := a.source.edit.line(ctx, question, func(text string) bool {
			r, err := link.ReadCode(text)
			return err == nil || r.Meant.Reveal() != ""
		})
		if err != nil {
			fmt.Fprintln(a.out) // the question still stands there
		}
		return text, err
	}
	if a.on != nil {
		return a.on.question(ctx, a.source.env, question)
	}
	t := &typed{from: a.in}
	t.discard()
	if _, err := io.WriteString(a.out, question); err != nil {
		return "", err
	}
	line, err := t.line(ctx)
	if err != nil {
		fmt.Fprintln(a.out) // the question still stands there
	}
	return line, err
}

// say shows a line before a question.
func (a *asked) say(text string) {
	if a.on != nil {
		a.on.say(text)
		return
	}
	fmt.Fprintln(a.out, fold(text, a.source.env.columns()))
}

// over lets the screen show its lines above the one that is being edited.
func (a *asked) over(to io.Writer) {
	if a.on != nil {
		a.on.edit(to)
	}
}

// codeKey completes the word before the cursor after Tab, and takes it away after Ctrl-W.
// If several words begin so, it shows them.
func codeKey(to io.Writer, line string, at int, key rune) (string, int, bool) {
	before, behind := line[:at], line[at:]
	separator := func(r rune) bool { return r == '-' || r == ' ' }
	switch key {
	case keyWordOff:
		before = strings.TrimRightFunc(before, separator)
		before = before[:strings.LastIndexFunc(before, separator)+1]
		return before + behind, len(before), true
	case keyTab:
	default:
		return "", 0, false
	}
	all := link.CompleteCode(before)
	begun := before[strings.LastIndexFunc(before, separator)+1:]
	switch {
	case len(all) == 0 && !strings.ContainsAny(before, "0123456789"):
		_, _ = fmt.Fprintln(to, "the number in front of the words comes first")
		return line, at, true
	case len(all) == 0:
		_, _ = fmt.Fprintln(to, "no word of ferry's begins so")
		return line, at, true
	case len(all) == 1:
		before = all[0]
	case begun == "":
		return line, at, true // all words
	default:
		shown := link.CodeWords(begun)
		before += strings.TrimPrefix(shared(shown), strings.ToLower(begun))
		_, _ = fmt.Fprintln(to, strings.Join(shown, " "))
	}
	if strings.HasSuffix(before, "-") {
		behind = strings.TrimLeftFunc(behind, separator)
	}
	return before + behind, len(before), true
}

// shared is what all of the words begin with.
func shared(words []string) string {
	first := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, first) {
			first = first[:len(first)-1]
		}
	}
	return first
}
