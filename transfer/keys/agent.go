package keys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	// agentPatience is how long an agent has to answer what it need not ask anybody.
	agentPatience = 5 * time.Second
	// touchPatience is how long somebody has to confirm a signature, or to touch a token.
	touchPatience = time.Minute
)

// agentAt is an ssh-agent, by the path of its socket.
type agentAt string

// ask connects, and calls f with an agent that answers before the patience and ctx end. The
// connection is serial and has no goroutine, since agent.NewClient sees no Close.
func (a agentAt) ask(ctx context.Context, patience time.Duration, f func(agent.ExtendedAgent) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", string(a))
	if err != nil {
		return fmt.Errorf("ask ssh-agent: %w", err)
	}
	defer func() { _ = conn.Close() }()
	end := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer end()
	if err := f(agent.NewClient(half{conn})); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("ask ssh-agent: no answer within %s", patience)
		}
		return fmt.Errorf("ask ssh-agent: %w", err)
	}
	return nil
}

// half hides the Close of a connection.
type half struct{ conn net.Conn }

func (h half) Read(p []byte) (int, error)  { return h.conn.Read(p) }
func (h half) Write(p []byte) (int, error) { return h.conn.Write(p) }

// signers lists the keys of the agent, and leaves out those of types that are not taken.
func (a agentAt) signers(ctx context.Context) (all []*Signer, err error) {
	var list []*agent.Key
	err = a.ask(ctx, agentPatience, func(client agent.ExtendedAgent) (err error) {
		list, err = client.List()
		return err
	})
	for _, k := range list {
		pub, err := parsePublic(k.Blob)
		if err != nil {
			continue // a certificate, or a weak key
		}
		all = append(all, &Signer{key: pub, from: "ssh-agent: " + k.Comment, sign: a.signWith(pub)})
	}
	return all, err
}

// signWith signs with a key that the agent has.
func (a agentAt) signWith(pub ssh.PublicKey) func(context.Context, []byte) (*ssh.Signature, error) {
	return func(ctx context.Context, text []byte) (sig *ssh.Signature, err error) {
		err = a.ask(ctx, touchPatience, func(client agent.ExtendedAgent) (err error) {
			var flags agent.SignatureFlags
			if pub.Type() == ssh.KeyAlgoRSA {
				flags = agent.SignatureFlagRsaSha512
			}
			sig, err = client.SignWithFlags(pub, text, flags)
			return err
		})
		if err != nil {
			return nil, err
		}
		if sig.Format != algorithmOf(pub) {
			return nil, fmt.Errorf("ssh-agent signed by %.40q, and was asked for %s", sig.Format, algorithmOf(pub))
		}
		return sig, nil
	}
}

// isSocket reports whether something that may be an agent is at path.
func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeSocket != 0
}
