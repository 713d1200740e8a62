package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
)

const (
	// maxOrder bounds an order, in bytes of its line. Lists of files and rules are in it.
	maxOrder = 32 << 20
	// maxReply bounds a reply.
	maxReply = 64 << 10
	// replyLimit is how long the far end may take for a reply: it looks at what is named.
	replyLimit = 5 * time.Minute
)

// order is what the near end of ssh asks the far end for: one line of JSON. Bytes are in
// base64 there, so that any name of a file passes.
type order struct {
	// Session names the delivery, so that a later ssh can find the process that has it.
	Session string `json:"session"`
	Attach  bool   `json:"attach,omitempty"` // go on with it; all that follows is absent then
	Code    string `json:"code,omitempty"`
	Sends   bool   `json:"sends,omitempty"`  // SRC are there
	Single  bool   `json:"single,omitempty"` // what comes is one item, and no folder
	Stays   bool   `json:"stays,omitempty"`  // all of it goes by ssh: no port is opened
	// Args are those of ferry copy: flags, --, and then SRC... or DEST.
	Args  [][]byte    `json:"args,omitempty"`
	Rules []orderRule `json:"rules,omitempty"`
	List  []byte      `json:"list,omitempty"` // of --files-from
}

// orderRule is one flag with rules about what is sent, in its order on the command line.
type orderRule struct {
	Flag  string `json:"flag"`
	Value []byte `json:"value"`          // a pattern, or the name of a file
	Text  []byte `json:"text,omitempty"` // what is in that file
}

// reply is what the far end makes of an order: one line too.
type reply struct {
	Attached bool     `json:"attached,omitempty"`
	Single   bool     `json:"single,omitempty"` // what is there to be sent is one item, and no folder
	Refused  *refusal `json:"refused,omitempty"`
}

// refusal is why an order cannot be followed.
type refusal struct {
	Exit    int    `json:"exit"`
	Word    string `json:"word,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// refusalOf is an error for the near end.
func refusalOf(ctx context.Context, err error) *refusal {
	o := outcome{err: err, exit: exitOf(ctx, err, transfer.Result{}, &tally{})}
	r := &refusal{Exit: o.exit, Word: o.word(), Message: err.Error()}
	var settled *exitError
	if errors.As(err, &settled) {
		r.Hint = settled.hint
	}
	return r
}

// longestWord bounds a word of a refusal.
const longestWord = 40

// Error is the error here of a refusal there.
func (r *refusal) Error() string { return r.Message }

// settled is that error with what goes with it. Exits that no version of ferry has count as
// a broken protocol, and what is no word is left out.
func (r *refusal) settled(host string) error {
	if r.Exit == exitUsage {
		return &usageError{verb: "copy", text: host + ": " + r.Message}
	}
	exit := r.Exit
	if exit < exitIncomplete || exit > exitProtocol {
		exit = exitProtocol
	}
	word := r.Word
	if len(word) > longestWord || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") != "" {
		word = ""
	}
	return &exitError{exit: exit, word: word, hint: r.Hint, err: fmt.Errorf("%s: %w", host, r)}
}

// nearOnly are the flags of copy that the near end alone obeys, or that come in another way.
var nearOnly = strings.Fields("ssh remote-command push find proxy json progress quiet verbose manifest bwlimit exclude include exclude-from files-from")

// orderedFlags are the flags of a command line as the far end is given them. It parses them
// with the same definitions, and refuses those that it does not know.
func orderedFlags(c *cli.Context) (args [][]byte) {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if !c.IsSet(name) || slices.Contains(nearOnly, name) {
			continue
		}
		args = append(args, fmt.Appendf(nil, "--%s=%v", name, c.Value(name)))
	}
	return append(args, []byte("--"))
}

// putLine writes v as one line.
func putLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(line) >= maxOrder {
		return usagef("copy", "the list of files and rules is too long: %d bytes, and %d are the limit", len(line), maxOrder)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// takeOrder reads an order. One with something that this version does not know is refused:
// to leave that out could mean another thing.
func takeOrder(r io.Reader, o *order) error {
	line, err := takeLine(r, maxOrder)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return &unreadOrder{err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &unreadOrder{errors.New("something is behind it")}
	}
	return nil
}

// unreadOrder is why a line is no order of this version.
type unreadOrder struct{ err error }

func (e *unreadOrder) Error() string {
	return "the order is not of this version of ferry: " + e.err.Error()
}
func (e *unreadOrder) Unwrap() error { return e.err }

// takeReply reads a reply. What this version does not know is left out.
func takeReply(r io.Reader, a *reply) error {
	line, err := takeLine(r, maxReply)
	if err != nil {
		return err
	}
	return json.Unmarshal(line, a)
}

// takeLine reads one line of limited length. The other end says nothing behind it until it
// is answered.
func takeLine(r io.Reader, most int) ([]byte, error) {
	var line []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		at := bytes.IndexByte(buf[:n], '\n')
		if at >= 0 {
			at += len(line)
		}
		line = append(line, buf[:n]...)
		switch {
		case at >= 0 && at < len(line)-1:
			return nil, errors.New("something came behind the line")
		case at >= 0:
			return line[:at], nil
		case len(line) > most:
			return nil, errors.New("the line is too long")
		case err != nil:
			return nil, err
		}
	}
}
