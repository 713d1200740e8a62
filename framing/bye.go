package framing

// Bye is the last frame of a side: with CodeNone after a complete delivery,
// else with the cause why it leaves.
type Bye struct {
	Code    Code
	Message string // for people; raw bytes, cut to maxMessage by Append
}

// ParseBye parses the body of a BYE.
func ParseBye(b []byte) (Bye, error) {
	d := decoder{t: TypeBye, b: b}
	m := Bye{Code: Code(d.u8("code")), Message: string(d.bytes("message", 0, maxMessage))}
	if err := d.end(); err != nil {
		return Bye{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Bye) Append(b []byte) []byte {
	return appendMessage(append(b, byte(m.Code)), m.Message)
}
