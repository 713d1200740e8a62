package main

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// rawMode lets a console hand over each key, and not show it, with Ctrl-C as before. It
// fails where the console knows no escape sequences. back makes it as it was.
func rawMode(in io.Reader, out io.Writer) (back func(), err error) {
	if pair, ok := in.(consolePair); ok {
		in, out = pair.consoleInput, pair.out
	}
	show, ok := out.(*os.File)
	console, also := in.(consoleInput)
	if !ok || !also {
		return nil, windows.ERROR_NOT_SUPPORTED
	}
	read := console.file
	var shown, typed uint32
	if err := windows.GetConsoleMode(windows.Handle(show.Fd()), &shown); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(windows.Handle(show.Fd()), shown|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, err
	}
	back = func() { _ = windows.SetConsoleMode(windows.Handle(show.Fd()), shown) }
	was, err := term.MakeRaw(int(read.Fd()))
	if err == nil {
		first := back
		back = func() {
			_ = term.Restore(int(read.Fd()), was)
			first()
		}
		if err = windows.GetConsoleMode(windows.Handle(read.Fd()), &typed); err == nil {
			err = windows.SetConsoleMode(windows.Handle(read.Fd()), typed|windows.ENABLE_PROCESSED_INPUT)
		}
	}
	if err != nil {
		back()
		return nil, err
	}
	return back, nil
}

// editorSignals: a console has none of the signals that matter to an editor elsewhere.
func editorSignals() (<-chan os.Signal, func()) { return nil, func() {} }

func handOn(os.Signal, func()) bool { return false }
