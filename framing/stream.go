package framing

// Stream carries frames in both directions. Its reading half (Next, Body, ReadFull,
// Remaining) belongs to one goroutine at a time; its writing half may be used by any.
type Stream interface {
	BodyReader // of the current frame's body
	// Next returns the type of the next frame and the length of its body, which Limit
	// bounds. An error sticks; one that wraps io.EOF is the orderly end.
	Next() (Type, int, error)
	// Body returns the rest of the current frame's body, valid until the next call of
	// Body or Next.
	Body() ([]byte, error)
	// Send writes one frame whose body is the parts, one after another. They are copied
	// if they have to be kept. Without flush the frame may wait for the next Flush.
	Send(flush bool, t Type, parts ...[]byte) error
	// Lend is Send without flush whose body is not copied. The caller leaves it as it is
	// until done is called, from whichever goroutine. After an error, or when the
	// stream ends before, done is not called.
	Lend(t Type, head, body []byte, done func()) error
	// Flush has all frames leave that wait.
	Flush() error
}
