package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer/send"
)

// textFlag is the name of the flag for a message, which is a text for a person to read.
const textFlag = "text"

// withText are the flags of send that go with a message. All others are about files.
func withText() []cli.Flag {
	return join(pairingFlags("to"), receiversFlags(), streamsFlag(), throttleFlags(), outputFlagList(), []cli.Flag{&cli.StringFlag{Name: textFlag}})
}

// text reads the message and completes s, so that it sends that alone.
func (s *sending) text(c *cli.Context, env *Env) error {
	may := map[string]bool{}
	for _, f := range withText() {
		may[f.Names()[0]] = f.Names()[0] != "manifest"
	}
	for _, f := range c.Command.Flags {
		if name := f.Names()[0]; c.IsSet(name) && !may[name] {
			return usagef("send", "--%s is about files, and a message of --text is none", name)
		}
	}
	if c.Args().Present() {
		return usagef("send", "--text sends WORDS alone: words with spaces are one argument only in quotes, and %s goes by itself", c.Args().First())
	}
	words := c.String(textFlag)
	if words == "-" {
		var err error
		if words, err = typedText(c.Context, env); err != nil {
			return err
		}
		s.pair.stdinIsData = !env.StdinTTY
	}
	if err := checkText(words); err != nil {
		return err
	}
	s.list = &sourceList{}
	s.pair.offers |= framing.CapText
	s.options = send.Options{Text: words, Compress: s.throttle.compress, Limit: s.throttle.limit, Streams: s.pair.streams}
	return nil
}

// typedText reads a message from standard input up to its end. It takes no more than shows
// that the message is too long.
func typedText(ctx context.Context, env *Env) (string, error) {
	if env.interactive() {
		fmt.Fprintln(env.Stderr, "type the message, and end it with Ctrl-D on a line of its own (on Windows Ctrl-Z and Enter):")
	}
	b, err := readWhile(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(env.Stdin, framing.MaxText+1)) })
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return "", cause
	}
	if err != nil {
		return "", usagef("send", "reading the message from standard input: %v", err)
	}
	return string(b), nil
}

// checkText refuses what cannot be sent as a message, before anybody is called.
func checkText(words string) error {
	const asFile = "as a file it can be sent: ferry send --name " + send.TextName + " - <FILE"
	switch {
	case words == "":
		return usagef("send", "the message is empty")
	case len(words) > framing.MaxText:
		return usagef("send", "the message is longer than 64 KiB, the most that --text sends; %s", asFile)
	case !utf8.ValidString(words):
		at := 0
		for i, r := range words {
			if _, n := utf8.DecodeRuneInString(words[i:]); r == utf8.RuneError && n == 1 {
				at = i + 1
				break
			}
		}
		return usagef("send", "the message is not UTF-8 (byte %d), which --text sends and no more than 64 KiB of; %s", at, asFile)
	}
	return nil
}

// message shows a message that came, and remembers that one did. It is receive.Options.Text.
func (d *delivery) message(peer, text string) error {
	if d.env.StdoutErr != nil {
		return fmt.Errorf("standard output %w", d.env.StdoutErr)
	}
	d.text = true
	switch r := d.render.(type) {
	case *jsonRenderer:
		return r.written(jsonText{"text", text})
	case *console:
		return r.message(d.env, peer, text)
	}
	return nil
}

// message shows a message. A pipe or a file gets exactly what was sent. On a terminal
// nothing in it can act, and no line of it can look like one of ferry's.
func (c *console) message(env *Env, peer, text string) error {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	head := "a message from " + peer
	if !env.StdoutTTY {
		if !c.flags.quiet {
			c.say(head + ", written to standard output")
		}
		_, err := io.WriteString(env.Stdout, text)
		return err
	}
	p := letter{head: fold(head+":", c.screen.terminal()), text: textLines(text, c.screen.terminal()), out: env.Stdout, written: make(chan error, 1)}
	if c.flags.quiet {
		p.head = ""
	}
	c.screen.add(p)
	return <-p.written // the screen ends only after the delivery
}

// letter is a text on standard output, where that is a terminal, below a line of ferry's own.
type letter struct {
	head, text string
	out        io.Writer
	written    chan error
}

func (p letter) show(s *screen) {
	if p.head != "" {
		s.write(p.head + "\n")
	}
	_, err := io.WriteString(p.out, p.text)
	p.written <- err
}

// textLines makes a message safe for a terminal of width columns: of its controls the ends
// of lines and tabs stay. Each row is indented, also where a line has to be broken: at the
// edge of the terminal a line could go on as one of ferry's.
func textLines(text string, width int) string {
	const indent = "    "
	room := max(width, leastFold) - 1 - len(indent)
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		for _, row := range textRows(line, room) {
			b.WriteString(indent + row + "\n")
		}
	}
	return b.String()
}

// tabColumns is the most that a tab takes.
const tabColumns = 8

// textRows breaks a line into rows of at most room columns. A word that is longer stays
// whole, so that an address in it can be copied, if its signs are ASCII: without a space it
// looks like no line of ferry's.
func textRows(line string, room int) (rows []string) {
	row, used := "", 0
	end := func() {
		rows = append(rows, isolate(row))
		row, used = "", 0
	}
	parts := strings.Split(line, "\t")
	for i, part := range parts {
		for word := range strings.SplitAfterSeq(plain(part), " ") {
			n := columns(word)
			if used > 0 && used+n > room {
				end()
			}
			for n > room && strings.ContainsFunc(word, func(r rune) bool { return r >= 0x80 }) {
				start := head(word, room)
				if start == "" {
					start = runes(word, room) // one cluster is longer than a row
				}
				row = start
				end()
				word = word[len(start):]
				n = columns(word)
			}
			row += word
			used += n
		}
		if i < len(parts)-1 {
			row += "\t"
			used += tabColumns
		}
	}
	end()
	return rows
}

// textLine says after a success what became of a message.
func (o outcome) textLine() string {
	line := "the message (" + sizeText(o.result.Bytes) + ") "
	switch {
	case o.taken:
		return line + "is whole and verified; nothing was stored"
	case o.result.Durable && o.result.Store != "":
		return line + "is verified and " + o.safeText()
	case o.result.Durable:
		return line + "is stored there, verified and " + o.safeText()
	}
	return line + "was shown or written there, and is not on stable storage"
}
