package link

import (
	"context"
	"net"
)

// Limits of keys.
const (
	// maxOwn is how many of Keys.Own are tried: each costs the host a handshake.
	maxOwn = 6
)

// Signer holds a key that lives longer than a link.
type Signer interface {
	// Key is the public key in the wire format of ssh, at most framing.MaxKey bytes.
	Key() []byte
	// Sign signs message, which is any bytes, and returns the blob of an SSHSIG without armour,
	// with the namespace ferry@1 and the hash sha512: at most framing.MaxSignature bytes. It
	// returns when ctx is over: a handshake has less than 20 s.
	Sign(ctx context.Context, message []byte) (sshsig []byte, err error)
}

// Keys prove the two sides of a link by keys that both know beforehand. The listener proves
// its own first, and the dialler shows none to a host that did not prove itself, or that
// Known refused. What is signed is bound to the connection: it is worth nothing on another.
//
// Its functions are called by one goroutine for each connection, which holds no lock. They
// may be called at once.
type Keys struct {
	// Verify returns nil only for a signature of message by key itself, in the form that
	// Signer.Sign makes. All three may come from a stranger, who chooses what it costs.
	Verify func(key, message, sshsig []byte) error

	// Host and Admit belong to a listener.
	Host Signer
	// Admit says who has proved key, or refuses: the peer is told CodeCodeRefused, and may
	// come with another key. It is told CodeBusy or CodeDeclined if the error is an *Error with
	// that code. A link need not come of it.
	Admit func(key []byte, from net.Addr) (who any, err error)

	// Known and Own belong to a dialler. Known says whether key, which was proved, is that of
	// the host. It may take its time, and is asked again on a new connection then.
	Known func(key []byte) error
	// Own are tried in order, on a connection each, as long as the host refuses; the first 6
	// of them.
	Own []Signer
}

// whole tells whether all is there that a side needs.
func (k *Keys) whole(own side) bool {
	if own == listening {
		return k.Verify != nil && k.Host != nil && k.Admit != nil
	}
	return k.Verify != nil && k.Known != nil && len(k.Own) > 0
}
