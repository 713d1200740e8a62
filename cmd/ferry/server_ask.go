package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ferry/transfer/keys"
)

// ask asks a person whether key is that of the host, and remembers it. The fingerprint may
// be typed in the place of yes, as ssh has it.
func (t *trust) ask(ctx context.Context, on *screen, known keys.KnownHosts, no *keys.HostError, key []byte) error {
	on.say(fmt.Sprintf("%s is not known here yet. Its key (%s) has the fingerprint", show(t.place.at.Short()), keyKind(no.Type)))
	on.say("    " + no.Fingerprint)
	for {
		answer, err := on.question(ctx, t.env, "Is it the right one? [yes/no/fingerprint] ")
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case err != nil, strings.EqualFold(answer, "no"), strings.EqualFold(answer, "n"):
			return &exitError{exit: exitRefused, word: hostKeyWord,
				err:  fmt.Errorf("%s is not trusted: its key is %s", t.place.at.Short(), no.Fingerprint),
				hint: "its operator knows the fingerprint: ferry serve prints it when it starts"}
		case strings.EqualFold(answer, "yes"), answer == no.Fingerprint:
			t.taken = string(key)
			if err := known.Add(t.place.at.Host, t.port(), key); err != nil {
				on.say("it is not remembered: " + plain(err.Error()))
				return nil
			}
			on.say("remembered in " + show(no.File))
			return nil
		case strings.HasPrefix(answer, "SHA256:"):
			on.say("that is another fingerprint")
		default:
			on.say("type yes, no, or the fingerprint")
		}
	}
}

// keyKind is what ssh-keygen calls a type of keys.
func keyKind(kind string) string {
	kind, _, _ = strings.Cut(kind, "@")
	switch {
	case strings.Contains(kind, "ed25519"):
		return "ED25519"
	case strings.Contains(kind, "ecdsa"):
		return "ECDSA"
	}
	return "RSA"
}

// secret asks for what the terminal must not show.
func (t *trust) secret(ctx context.Context, on *screen, question string) (string, error) {
	back, err := silence(t.env.Stdin)
	if err != nil {
		return "", err
	}
	t.env.Modes.set(back)
	defer t.env.Modes.restore()
	if t.env.Modes == nil {
		defer back()
	}
	if on != nil {
		return on.question(ctx, t.env, question)
	}
	if _, err := io.WriteString(t.env.Stderr, question); err != nil {
		return "", err
	}
	return readLine(ctx, t.env.Stdin)
}
