package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// editor reads lines that a person types at a terminal and may edit. It has the terminal
// in raw mode while a question stands there, and no longer. One goroutine at a time may
// use it.
type editor struct {
	in    io.Reader
	out   io.Writer
	width func() int
	modes *modes
	// key returns the line and the place of the cursor after a key that the terminal has
	// no meaning for itself; false leaves the line alone. It may write to the terminal.
	key func(to io.Writer, line string, at int, key rune) (string, int, bool)
	// over is told through whom others have to write while the line stands there, and
	// with nil that they need not any more.
	over func(io.Writer)

	history term.History // the lines of earlier questions; nil before the first
	pending chan chunk   // of a read that is still under way; nil if there is none
}

// leastEditor is the least width that lines are edited in.
const leastEditor = 10

// chunk is what one read of a terminal gave.
type chunk struct {
	data []byte
	err  error
}

// editorEnd is a terminal as an editor's line reads and writes it.
type editorEnd struct {
	*editor
	ctx     context.Context
	signals <-chan os.Signal
	stop    func(os.Signal) // does what a signal asks for
	show    func()          // shows the line anew
	rest    []byte          // read and not yet used
	taken   int             // bytes that were used
	pasting bool            // a paste was begun in what was read, and not ended
	cut     []byte          // the end of what was read: a character or a mark that is not whole
}

func (e *editorEnd) Write(p []byte) (int, error) { return e.out.Write(p) }

// Read returns what is typed, up to the end of a line, so that what comes behind the line
// stays with rest. If ctx ends, Read leaves the goroutine that reads behind, as typed does.
func (e *editorEnd) Read(p []byte) (int, error) {
	for len(e.rest) == 0 {
		if err := e.fill(); err != nil {
			return 0, err
		}
	}
	if e.taken > 4*maxAnswer || len(p) == 0 {
		return 0, errLongLine
	}
	part := e.rest[:min(len(e.rest), len(p))]
	if at := bytes.IndexAny(part, "\r\n"); at >= 0 {
		part = part[:at+1]
		e.rest = bytes.TrimPrefix(e.rest[at+1:], []byte{'\n'}) // of a CR LF
	} else {
		e.rest = e.rest[len(part):]
	}
	e.taken += len(part)
	return copy(p, part), nil
}

// fill waits for what is typed next.
func (e *editorEnd) fill() error {
	if e.pending == nil {
		got := make(chan chunk, 1) // so that the reader left behind can end
		e.pending = got
		go readChunk(e.in, got)
	}
	select {
	case c := <-e.pending:
		e.pending, e.rest = nil, knownKeys(e.clean(c.data))
		return c.err
	case sig := <-e.signals:
		e.stop(sig)
		e.show()
		return nil
	case <-e.ctx.Done():
		return context.Cause(e.ctx)
	}
}

// drain throws away the rest of a paste, and that of a line which was too long. Otherwise
// a shell would get it, and run it.
func (e *editorEnd) drain(tooLong bool) error {
	for e.pasting || tooLong && !bytes.ContainsAny(e.rest, "\r\n") {
		if err := e.fill(); err != nil {
			return err
		}
	}
	return nil
}

// notText stands for what was typed or pasted and is no text. No code has it.
const notText = '\u25a1'

// clean takes out of what a terminal sent what would move its cursor or stop x/term: of a
// paste all control characters, and of the rest what is not UTF-8 or is not to be seen.
func (e *editorEnd) clean(data []byte) (out []byte) {
	data = append(e.cut, data...)
	e.cut = nil
	for len(data) > 0 {
		mark := pasteBegin
		if e.pasting {
			mark = pasteEnd
		}
		if n := len(mark); len(data) < n && strings.HasPrefix(mark, string(data)) || !utf8.FullRune(data) {
			e.cut = bytes.Clone(data)
			return out
		} else if strings.HasPrefix(string(data[:min(n, len(data))]), mark) {
			e.pasting = !e.pasting
			out, data = append(out, mark...), data[n:]
			continue
		}
		r, n := utf8.DecodeRune(data)
		data = data[n:]
		switch {
		case r == '\r', r == '\n':
		case e.pasting && r < ' ':
			r = ' '
		case r == keyEscape && len(data) > 0 && data[0] < ' ':
			continue // the key alone, which x/term takes for the begin of a sequence
		case r == utf8.RuneError, 0x7f < r && r < 0xa0:
			r = notText
		case unicode.Is(unicode.Cf, r):
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// readChunk reads once. It is the one goroutine of an editor.
func readChunk(in io.Reader, got chan<- chunk) {
	var b [maxAnswer]byte
	n, err := in.Read(b[:])
	got <- chunk{b[:n], err}
}

// knownKeys puts keys that x/term knows in the place of those that mean the same on other
// terminals.
func knownKeys(data []byte) []byte {
	return []byte(strings.NewReplacer("\x1b[1~", "\x01", "\x1b[7~", "\x01", "\x1bOH", "\x01", "\x1b[4~", "\x05", "\x1b[8~", "\x05", "\x1bOF", "\x05",
		"\x1bOC", "\x1b[C", "\x1bOD", "\x1b[D", string(rune(keyCtrlW)), string(rune(keyWordOff))).Replace(string(data)))
}

// modes knows how a terminal is to be left, for a process that ends while it is raw.
type modes struct {
	mu    sync.Mutex
	leave func()
}

// set says how to leave the terminal from now on; nil: as it is.
func (m *modes) set(leave func()) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.leave = leave
	m.mu.Unlock()
}

// restore leaves the terminal as it was found.
func (m *modes) restore() {
	if m == nil {
		return
	}
	m.mu.Lock()
	leave := m.leave
	m.leave = nil
	m.mu.Unlock()
	if leave != nil {
		leave()
	}
}

// The marks between which terminals put what is pasted, and the asking for them.
const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// Keys that x/term knows by another name, or takes for the end of a word only at a space.
const (
	keyTab     = '\t'
	keyEscape  = 0x1b
	keyCtrlW   = 0x17
	keyWordOff = 0x1f // stands for Ctrl-W, so that complete gets it
)

// line asks a question and returns what is typed: a line, and while that is not enough,
// the lines that were pasted with it. What was typed before is thrown away. The terminal
// is as before when line returns, and while ferry is stopped.
func (e *editor) line(ctx context.Context, question string, enough func(text string) bool) (string, error) {
	leave, err := e.raw()
	if err != nil {
		return "", err
	}
	defer func() { leave() }()
	discardInput(e.in)
	signals, quiet := editorSignals()
	defer quiet()
	end := &editorEnd{ctx: ctx, editor: e, signals: signals}
	t := term.NewTerminal(end, question)
	end.stop = func(sig os.Signal) {
		if !handOn(sig, leave) {
			return // the size is another one
		}
		if again, err := e.raw(); err == nil {
			leave = again
		}
	}
	end.show = func() {
		_ = t.SetSize(e.size(), 1)
		_, _ = t.Write(nil)
	}
	_ = t.SetSize(e.size(), 1)
	if e.history != nil {
		t.History = e.history // the arrow up brings it back
	}
	e.history = t.History
	t.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) { return e.key(t, line, at, key) }
	e.over(t)
	defer e.over(nil)
	text, err := readEdited(t)
	for err == nil && !enough(text) && len(bytes.TrimSpace(end.rest)) > 0 {
		var more string
		t.SetPrompt("")
		more, err = readEdited(t)
		text += "\n" + more
	}
	if err == nil || err == errLongLine {
		err = cmp.Or(end.drain(err != nil), err)
	}
	return text, err
}

// readEdited is ReadLine for which a pasted line is one like others.
func readEdited(t *term.Terminal) (string, error) {
	line, err := t.ReadLine()
	if err == term.ErrPasteIndicator {
		err = nil
	}
	return line, err
}

// works reports whether the terminal can be put into raw mode.
func (e *editor) works() bool {
	back, err := rawMode(e.in, e.out)
	if err == nil {
		back()
	}
	return err == nil
}

// size is how wide the terminal is, as far as that is known.
func (e *editor) size() int {
	if w := e.width(); w > 0 {
		return max(w, leastEditor)
	}
	return 80
}

// raw puts the terminal into raw mode, and returns what ends that.
func (e *editor) raw() (leave func(), err error) {
	back, err := rawMode(e.in, e.out)
	if err != nil {
		return nil, err
	}
	_, _ = io.WriteString(e.out, pasteOn)
	leave = sync.OnceFunc(func() {
		back()
		_, _ = io.WriteString(e.out, pasteOff)
	})
	e.modes.set(leave)
	return leave, nil
}
