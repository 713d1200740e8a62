package framing

// Decline refuses an offer.
type Decline struct {
	Code    Code   // not CodeNone
	Message string // for people; raw bytes, cut to maxMessage by Append
}

// ParseDecline parses the body of a DECLINE.
func ParseDecline(b []byte) (Decline, error) {
	d := decoder{t: TypeDecline, b: b}
	m := Decline{Code: d.cause("code"), Message: string(d.bytes("message", 0, maxMessage))}
	if err := d.end(); err != nil {
		return Decline{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Decline) Append(b []byte) []byte {
	return appendMessage(append(b, byte(m.Code)), m.Message)
}
