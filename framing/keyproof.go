package framing

// The longest parts of a KEYPROOF, in bytes: those of the largest keys that are worth their
// time, RSA with 8192 bits, fit in both.
const (
	MaxKey       = 2048
	MaxSignature = 3072
)

// KeyProof shows a long-term key, and proves that its side has it.
type KeyProof struct {
	Key       []byte // public, in the wire format of ssh; 1 to MaxKey bytes
	Signature []byte // blob of an SSHSIG; 1 to MaxSignature bytes
}

// ParseKeyProof parses the body of a KEYPROOF. Both parts alias b, and are not looked into.
func ParseKeyProof(b []byte) (KeyProof, error) {
	d := decoder{t: TypeKeyProof, b: b}
	m := KeyProof{Key: d.bytes("key", 1, MaxKey), Signature: d.bytes("signature", 1, MaxSignature)}
	if err := d.end(); err != nil {
		return KeyProof{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *KeyProof) Append(b []byte) []byte {
	return appendBytes(appendBytes(b, m.Key), m.Signature)
}
