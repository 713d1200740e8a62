package selftest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// byCodeAlone: a relay is all that the two sides have in common, beside the code. Neither
// is told an address, and nothing is asked on the networks of this machine.
func byCodeAlone(b *bench, ctx context.Context) (string, error) {
	code := newCode()
	relay, err := b.start("relay", code, nil, "relay", "--listen", loopback())
	if err != nil {
		return "", err
	}
	address, err := relay.address(ctx)
	if err != nil {
		return "", err
	}
	path, err := b.meet(ctx, code, "tcp://"+address)
	if err != nil {
		return "", err
	}
	a, err := b.compare(ctx, treeName, mediumName)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d items, %s, %s in the end", a.items, b.SizeText(a.bytes), path), nil
}

// meet delivers by the code alone, and returns the path that it took in the end.
func (b *bench) meet(ctx context.Context, code, relay string) (string, error) {
	ways := []string{"--relay", relay, "--find", "off", "--wait", mending, "--retry-for", mending, "--hard-links"}
	send, err := b.start("sender", code, nil, append([]string{"send", filepath.Join(b.source.dir, treeName), filepath.Join(b.source.dir, mediumName)}, ways...)...)
	if err != nil {
		return "", err
	}
	recv, err := b.start("receiver", code, nil, append([]string{"receive", "--yes", "--perms", "--out", b.out()}, ways...)...)
	if err != nil {
		return "", err
	}
	if err := b.both(ctx, recv, send, exitOK); err != nil {
		return "", err
	}
	for _, p := range []*process{send, recv} {
		if path := p.result().Path; !strings.HasPrefix(path, "direct") && !strings.HasPrefix(path, "relay") {
			return "", fmt.Errorf("the %s says that its path was %q", p.name, path)
		}
	}
	return recv.result().Path, nil
}
