package framing

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Auth shows a relay that the client has its token. It is the client's second frame,
// where the relay's RHELLO has RelayToken.
type Auth struct {
	MAC [32]byte // RelayMAC
}

// ParseAuth parses the body of an AUTH.
func ParseAuth(b []byte) (Auth, error) {
	d := decoder{t: TypeAuth, b: b}
	var m Auth
	copy(m.MAC[:], d.raw("MAC", len(m.MAC)))
	if err := d.end(); err != nil {
		return Auth{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Auth) Append(b []byte) []byte { return append(b, m.MAC[:]...) }

// RelayMAC is what AUTH holds: the token is the key, and both nonces are bound.
func RelayMAC(token []byte, relay, client [16]byte) (mac [32]byte) {
	h := hmac.New(sha256.New, token)
	h.Write([]byte("ferry relay 1"))
	h.Write(relay[:])
	h.Write(client[:])
	return [32]byte(h.Sum(nil))
}

// RelayRoom is how a room is called on the wire. The token is the one that AUTH was made
// with, empty at a relay without: who has another token meets nobody here.
func RelayRoom(token []byte, room string) (id [16]byte) {
	h := hmac.New(sha256.New, token)
	h.Write([]byte("ferry room 1"))
	h.Write([]byte(room))
	return [16]byte(h.Sum(nil)[:16])
}
