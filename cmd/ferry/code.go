package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

const codeVariable = "FERRY_CODE"

// codeSource finds the code, from --code-file, FERRY_CODE or the person at the
// terminal. A code is never an argument, since every user of the machine can read
// those. It belongs to one goroutine.
type codeSource struct {
	pairing pairing
	env     *Env
	left    int     // questions that may yet be asked
	typed   bool    // the code came from the terminal
	without bool    // who was asked has no code from the other side
	edit    *editor // of the questions so far; nil before the first
	shown   string  // the code that was made up here, once it was shown; "" otherwise
}

// maxQuestions is how often a person is asked for the code, in all.
const maxQuestions = 3

func newCodeSource(p pairing, env *Env) *codeSource {
	return &codeSource{pairing: p, env: env, left: maxQuestions}
}

// find returns the code. A side that listens generates one instead of asking; made is
// true then. A receiver at a terminal asks first: what a person has there says who looks
// for whom. Where it is an address, the pairing dials that from then on.
func (s *codeSource) find(ctx context.Context) (code link.Code, made bool, err error) {
	if s.pairing.server != nil { // which knows this side by a key
		return code, false, nil
	}
	if s.pairing.codeFile != "" {
		code, err = s.fromFile(ctx)
		return code, false, err
	}
	if text := s.env.Getenv(codeVariable); text != "" {
		code, err = s.parseFrom(codeVariable, text)
		return code, false, err
	}
	if s.asks() {
		code, err = s.ask(ctx, nil, "")
		if err != nil || !s.without {
			return code, false, err
		}
		s.without = false
	}
	if !s.pairing.dials() {
		code, err = link.GenerateCode()
		return code, true, err
	}
	code, err = s.ask(ctx, nil, "")
	return code, false, err
}

// asks reports whether a person is asked for a code that the other side may have made up.
func (s *codeSource) asks() bool {
	p := s.pairing
	return !p.dials() && p.ways.asks && s.env.interactive() && (p.ways.lan || p.ways.relay != nil)
}

// setting is what to write before the command that continues, so that it takes the code
// that was shown here; "" if none was.
func (s *codeSource) setting() string {
	switch {
	case s == nil || s.shown == "":
		return ""
	case runtime.GOOS == "windows":
		return "$env:" + codeVariable + "='" + s.shown + "'; "
	}
	return codeVariable + "=" + s.shown + " "
}

// again asks for another code after the other side refused one. It returns refused if
// the code was not typed, or after maxQuestions questions.
func (s *codeSource) again(ctx context.Context, on *screen, refused error) (link.Code, error) {
	if !s.typed || s.left == 0 {
		return link.Code{}, refused
	}
	code, err := s.ask(ctx, on, "the other side refused that code")
	if err != nil && context.Cause(ctx) == nil {
		err = refused
	}
	return code, err
}

// fromFile reads the first line of --code-file and no byte more: on standard input,
// answers to questions may follow.
func (s *codeSource) fromFile(ctx context.Context) (link.Code, error) {
	p := s.pairing
	if p.codeFile == "-" {
		if s.env.StdinTTY {
			return s.ask(ctx, nil, "")
		}
		line, err := firstLine(ctx, s.env.Stdin)
		if err != nil {
			return link.Code{}, p.stopped(ctx, fmt.Errorf("reading the code from standard input: %w", err))
		}
		return s.parseFrom("standard input", line)
	}
	f, err := os.Open(p.codeFile)
	if err != nil {
		return link.Code{}, usagef(p.verb, "reading the code: %v", err)
	}
	defer f.Close()
	line, err := firstLine(ctx, f)
	if err != nil {
		return link.Code{}, p.stopped(ctx, fmt.Errorf("reading the code from %s: %w", show(p.codeFile), err))
	}
	if info, err := f.Stat(); err == nil && othersRead(info) {
		fmt.Fprintf(s.env.Stderr, "warning: others can read the code in %s (mode %04o); to keep them out: %s\n",
			show(p.codeFile), info.Mode().Perm(), command("chmod", "600", p.codeFile))
	}
	return s.parseFrom(p.codeFile, line)
}

// firstLine reads a code from what holds nothing else.
func firstLine(ctx context.Context, r io.Reader) (string, error) {
	line, err := readLine(ctx, r)
	if err == io.EOF {
		err = errors.New("nothing is in it")
	}
	return line, err
}

// othersRead reports whether the mode of a regular file lets users other than its owner
// open it. Windows has no such mode. Pipes and devices are not checked.
func othersRead(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}

var (
	errWeakCode   = fmt.Errorf("that code is too easy to guess: behind the room it needs %d bits, as 6 letters, 9 digits or 3 words of ferry's own have; --weak-code takes it all the same", link.MinBits)
	errAlmostOurs = errors.New("a word of the code is almost one of ferry's own: correct it, or type the code when ferry asks")
)

// isAddress reports whether text is an address that stands in the place of a code. What
// begins with the number of a room is a code: its secret may have a colon.
func isAddress(text string, r link.Reading) bool {
	text = strings.TrimSpace(text)
	number, _, _ := strings.Cut(text, "-")
	return reach.LooksLikeAddress(text) && r.Meant.Reveal() == "" && (number == text || strings.Trim(number, "0123456789") != "")
}

// noAddress is what to do with an address that stands in the place of a code. It does not
// quote it.
func (p pairing) noAddress() error {
	switch {
	case p.dials():
		return errors.New("that is an address; the code is what the other side shows beside it, as in 7-copper-violin-meadow")
	case p.role == link.Sender:
		return errors.New("that is an address, and no code: ferry send --to ADDRESS calls it, and asks for the code")
	}
	return errors.New("that is an address, and no code: ferry receive --from ADDRESS calls it, and asks for the code")
}

// parse reads a code where nobody can be asked what is meant.
func (s *codeSource) parse(text string) (link.Code, error) {
	r, err := link.ReadCode(text)
	if isAddress(text, r) {
		return link.Code{}, s.pairing.noAddress()
	}
	if err != nil {
		return link.Code{}, err
	}
	// A side that listens says itself what the code is.
	if r.Almost && s.pairing.dials() {
		return link.Code{}, errAlmostOurs
	}
	return r.Code, s.tooWeak(r)
}

// tooWeak is why a code cannot be taken as it is, nil if it can.
func (s *codeSource) tooWeak(r link.Reading) error {
	switch {
	case s.pairing.weakCode || !r.Code.Weak():
		return nil
	case r.Doubt != nil:
		return r.Doubt
	}
	return errWeakCode
}

// parseFrom parses a code. Its error names where the text came from, and never the text
// itself.
func (s *codeSource) parseFrom(from, text string) (link.Code, error) {
	code, err := s.parse(text)
	if err != nil {
		return link.Code{}, usagef(s.pairing.verb, "%s: %v", show(from), err)
	}
	return code, nil
}

// dials reports a side that calls the other one.
func (p pairing) dials() bool { return p.dial != "" }

func (p pairing) noCode() error {
	return usagef(p.verb, "no code: set %s, or give --code-file FILE", codeVariable)
}

// stopped is err as a usage error, or the signal if one ended the reading.
func (p pairing) stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return &usageError{verb: p.verb, text: err.Error()}
}
