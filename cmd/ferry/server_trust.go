package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// This file and its neighbours make the two sides of a link to a server sure of each other:
//
//  1. own looks for the keys of this side. ssh-agent and files without a passphrase come
//     first, six at a time. A file with one is opened only where they were refused.
//  2. check looks at the key of the host: --host-key, the known hosts, or a person says
//     whether it is the right one.
//  3. explain says what to do where a key was refused.

// shownAtOnce is how many keys are shown in one dialling. A host counts what it refuses.
const shownAtOnce = 6

// trust is what both sides of a link to a server know of each other. Its functions are
// called by one goroutine at a time.
type trust struct {
	env    *Env
	place  serverPlace
	pinned string // the fingerprint of --host-key; "" without
	asks   bool   // a person may be asked

	looked bool           // the keys of this side were looked for
	open   []*keys.Signer // that were not shown yet
	locked []keys.Locked  // that were not shown, and need a passphrase
	passed []error        // why others are left out
	shown  []*keys.Signer // all that were
	taken  string         // the key of the host that was found right; "" before
}

// home is the folder of the user.
func (t *trust) home() string {
	if runtime.GOOS == "windows" {
		return t.env.Getenv("USERPROFILE")
	}
	return t.env.Getenv("HOME")
}

// knownFile is the file of known hosts.
func (t *trust) knownFile() (string, error) {
	folder := t.env.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(folder) {
		if t.home() == "" {
			return "", errors.New("there is no HOME to keep known_hosts in")
		}
		folder = filepath.Join(t.home(), ".config")
	}
	return filepath.Join(folder, "ferry", "known_hosts"), nil
}

// keysFor is what a link to the server needs. Each call has keys that were not shown yet.
func (t *trust) keysFor(ctx context.Context, on *screen) (*link.Keys, error) {
	own, err := t.own(ctx, on)
	if err != nil {
		return nil, err
	}
	known := func(key []byte) error { return t.check(ctx, on, key) }
	return &link.Keys{Verify: keys.Verify, Known: known, Own: own}, nil
}

// own returns the next keys of this side.
func (t *trust) own(ctx context.Context, on *screen) (own []link.Signer, err error) {
	if !t.looked {
		ring := keys.Own(ctx, keys.Places{Agent: t.env.Getenv("SSH_AUTH_SOCK"), Home: t.home()})
		t.looked, t.open, t.locked, t.passed = true, ring.Open, ring.Locked, ring.Passed
	}
	next := t.open[:min(shownAtOnce, len(t.open))]
	t.open = t.open[len(next):]
	for len(next) == 0 && len(t.locked) > 0 {
		l := t.locked[0]
		t.locked = t.locked[1:]
		s, err := t.unlock(ctx, on, l)
		if err != nil {
			return nil, err
		}
		if s != nil {
			next = []*keys.Signer{s}
		}
	}
	if len(next) == 0 {
		return nil, t.noKey()
	}
	t.shown = append(t.shown, next...)
	for _, s := range next {
		own = append(own, s)
	}
	return own, nil
}

// more reports whether there are keys to go on with after err.
func (t *trust) more(err error) bool {
	return errors.Is(err, link.ErrKeysRefused) && (len(t.open) > 0 || len(t.locked) > 0 && t.asks)
}

// maxPassphrases is how often a passphrase is asked for.
const maxPassphrases = 3

// unlock asks for the passphrase of a key. It returns nil for a key that is passed over.
func (t *trust) unlock(ctx context.Context, on *screen, l keys.Locked) (*keys.Signer, error) {
	if !t.asks {
		t.passed = append(t.passed, fmt.Errorf("%s has a passphrase: ssh-add gives it to ssh-agent", l.Path))
		return nil, nil
	}
	for range maxPassphrases {
		text, err := t.secret(ctx, on, "passphrase of "+show(l.Path)+" (Enter: leave it out): ")
		if context.Cause(ctx) != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil || text == "" {
			break
		}
		s, err := l.Unlock([]byte(text))
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, keys.ErrPassphrase) {
			t.passed = append(t.passed, err)
			return nil, nil
		}
	}
	t.passed = append(t.passed, fmt.Errorf("%s was not opened", l.Path))
	return nil, nil
}

// check says whether key is that of the host. It is asked for each connection.
func (t *trust) check(ctx context.Context, on *screen, key []byte) error {
	if t.taken == string(key) {
		return nil
	}
	print := keys.Fingerprint(key)
	if t.pinned != "" {
		if print != t.pinned {
			return &exitError{exit: exitRefused, word: hostKeyWord,
				err:  fmt.Errorf("%s has the key %s, and --%s says %s", t.place.at.Short(), print, hostKeyFlagName, t.pinned),
				hint: "somebody may be between, or the key is new: its operator knows which"}
		}
		return nil
	}
	file, err := t.knownFile()
	if err != nil {
		return &exitError{exit: exitRefused, word: hostKeyWord, err: err, hint: "--" + hostKeyFlagName + " " + print + " takes that key, if it is the right one"}
	}
	known := keys.OpenKnownHosts(file)
	err = known.Check(t.place.at.Host, t.port(), key)
	var no *keys.HostError
	switch {
	case err == nil:
		t.taken = string(key)
		return nil
	case !errors.As(err, &no):
		return &exitError{exit: exitRefused, word: hostKeyWord, err: err, hint: "once " + show(file) + " can be read, run it again; --" + hostKeyFlagName + " " + print + " goes without it"}
	case errors.Is(err, keys.ErrUnknownHost) && t.asks && on != nil:
		return t.ask(ctx, on, known, no, key)
	case errors.Is(err, keys.ErrUnknownHost):
		return &exitError{exit: exitRefused, word: hostKeyWord,
			err:  fmt.Errorf("%s is unknown here, and nobody can be asked: its key is %s", t.place.at.Short(), print),
			hint: "if its operator names that fingerprint, add --" + hostKeyFlagName + " " + print + "; or call it once at a terminal, where ferry asks, and remembers it in " + show(file)}
	}
	return t.changed(no)
}

func (t *trust) port() string { return strconv.Itoa(int(t.place.at.Port)) }

// hostKeyWord and keyWord are causes for programs.
const (
	hostKeyWord = "host-key"
	keyWord     = "key"
)

// changed is the error for a host that has another key than before.
func (t *trust) changed(no *keys.HostError) error {
	what := "has another key than before, " + no.Fingerprint
	if errors.Is(no, keys.ErrRevokedHost) {
		what = "has a key that is revoked, " + no.Fingerprint
	}
	return &exitError{exit: exitRefused, word: hostKeyWord,
		err: fmt.Errorf("%s %s: see line %d of known_hosts, %s", t.place.at.Short(), what, no.Line, show(no.File)),
		hint: "somebody may be between here and the server, or it has a new key. If its operator says so, remove the old one:\n    " +
			command("ssh-keygen", "-R", "["+t.place.at.Host+"]:"+t.port(), "-f", no.File)}
}

// noKey is the error of a side without a key to show.
func (t *trust) noKey() error {
	if len(t.shown) > 0 {
		return t.refused(link.ErrKeysRefused)
	}
	return &exitError{exit: exitRefused, word: keyWord,
		err:  errors.New("no key is here to show to " + t.place.at.Short() + ": ssh-agent has none, and no ~/.ssh/id_* can be used" + t.leftOut()),
		hint: "ssh-keygen -t ed25519 makes one: its .pub is for who runs the server"}
}

// refused is the error for keys that the server does not take.
func (t *trust) refused(err error) error {
	var list []string
	for _, s := range t.shown {
		list = append(list, s.Fingerprint()+" ("+show(s.From())+")")
	}
	return &exitError{exit: exitRefused, word: keyWord,
		err:  &refusedKeys{fmt.Sprintf("%s takes none of the keys of this side: %s%s", t.place.at.Short(), strings.Join(list, ", "), t.leftOut()), err},
		hint: "unknown there or expired: see its authorized keys (ferry help keys)"}
}

// refusedKeys is the text for people of the error of a link.
type refusedKeys struct {
	text string
	err  error
}

func (e *refusedKeys) Error() string { return e.text }
func (e *refusedKeys) Unwrap() error { return e.err }

// leftOut tells of keys that were not shown.
func (t *trust) leftOut() string {
	left := slices.Clone(t.passed)
	for _, l := range t.locked {
		left = append(left, fmt.Errorf("%s has a passphrase: ssh-add gives it to ssh-agent", l.Path))
	}
	if len(left) == 0 {
		return ""
	}
	return "; left out: " + errors.Join(left...).Error()
}

// explain is the error of a link for people; nil if it has nothing to do with keys.
func (t *trust) explain(err error) error {
	var settled *exitError
	switch {
	case errors.Is(err, link.ErrHostKey) && errors.As(err, &settled):
		return settled
	case errors.Is(err, link.ErrKeysRefused):
		return t.refused(err)
	}
	return nil
}

// hint is what can be done where no link is made; "" for what is so of any other side too.
func (t *trust) hint(c reach.Cause, at reach.Address) string {
	switch c {
	case reach.NoName, reach.NoProxy, reach.Unreachable:
		return ""
	case reach.Refused:
		return fmt.Sprintf("%s is there, and nothing listens on its port %d%s: is ferry serve running?", at.Host, at.Port, notDefault(at.Port))
	case reach.Busy:
		return "its places, or those of this key, are taken: --wait TIME waits longer"
	case reach.Silent, reach.HungUp, reach.NotFerry:
		return fmt.Sprintf("is port %d the one of ferry serve%s?", at.Port, notDefault(at.Port))
	}
	return fmt.Sprintf("is the address right, ferry serve running there, and TCP port %d open?", at.Port)
}
