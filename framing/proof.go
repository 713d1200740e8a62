package framing

// Proof shows that its sender knows the code, key or session secret.
type Proof struct {
	MAC [64]byte // HMAC-SHA-512, to be compared in constant time
}

// ParseProof parses the body of a PROOF.
func ParseProof(b []byte) (Proof, error) {
	d := decoder{t: TypeProof, b: b}
	var m Proof
	copy(m.MAC[:], d.raw("MAC", len(m.MAC)))
	if err := d.end(); err != nil {
		return Proof{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Proof) Append(b []byte) []byte { return append(b, m.MAC[:]...) }
