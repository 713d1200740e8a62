package ssh

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// maxBanner is how much a login shell may print before the ready line, in bytes.
	maxBanner = 64 << 10
	// maxReady is the longest ready line.
	maxReady = 4 << 10
	// readyLimit is how long the ready line may take once something came.
	readyLimit = 30 * time.Second
	// otherLimit is how long it may take behind one of another version.
	otherLimit = 2 * time.Second
	// quietLimit is how long nothing may come where nobody is asked for a password.
	quietLimit = 3 * time.Minute
)

// readyWord begins the ready line, which stands on a line of its own. Behind anyReady the
// number of a version is.
const (
	anyReady  = "FERRY-READY "
	readyWord = anyReady + "1 "
)

// Ready is what the far end says of itself.
type Ready struct {
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	PID     int    `json:"pid"`
	// Connection is SSH_CONNECTION there: address and port of the client, then of the
	// server. Empty where sshd did not set it.
	Connection string `json:"connection,omitempty"`
}

// Line is the ready line of r, which the far end writes first.
func (r Ready) Line() []byte {
	// Strings and a number: encoding them cannot fail.
	text, err := json.Marshal(r)
	if err != nil {
		panic("encoding a ready line: " + err.Error())
	}
	return append(append([]byte("\n"+readyWord), text...), '\n')
}

// errBanner: it is no ferry, or a shell that goes on printing.
var errBanner = errors.New("the login shell there prints too much before ferry begins")

// otherVersion is the ready line of a version that this one does not know.
type otherVersion struct{ number string }

func (e otherVersion) Error() string {
	return "ferry there and here do not know each other: it speaks version " + e.number + " of the way over ssh, and this one version 1"
}

// banner is what came so far, before and with the ready line.
type banner struct {
	text []byte
}

// find looks for the ready line in what came. ok is false as long as it is not all there.
func (b *banner) find() (r Ready, ok bool, err error) {
	at := 0
	if !bytes.HasPrefix(b.text, []byte(readyWord)) {
		if at = bytes.Index(b.text, []byte("\n"+readyWord)); at < 0 {
			if len(b.text) > maxBanner+len("\n"+readyWord) {
				return r, false, errBanner
			}
			return r, false, nil
		}
		at++
	}
	line, rest, whole := bytes.Cut(b.text[at+len(readyWord):], []byte("\n"))
	switch {
	case at > maxBanner+1:
		return r, false, errBanner
	case len(line) > maxReady:
		return r, false, errors.New("the ready line is too long")
	case !whole:
		return r, false, nil
	case len(rest) > 0:
		return r, false, errors.New("something was printed behind the ready line")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return Ready{}, false, fmt.Errorf("the ready line: %w", err)
	}
	b.text = b.text[:at]
	return r, true, nil
}

// other is the version of a ready line that this version does not know; "" if there is none.
func (b *banner) other() string {
	for rest := b.text; ; {
		at := bytes.Index(rest, []byte("\n"+anyReady))
		if at < 0 {
			return ""
		}
		rest = rest[at+1+len(anyReady):]
		number, after, found := bytes.Cut(rest[:min(len(rest), 8)], []byte(" "))
		if found && len(number) > 0 && string(number) != "1" && len(bytes.Trim(number, "0123456789")) == 0 && len(after) > 0 && after[0] == '{' {
			return string(number)
		}
	}
}

// deadliner is a connection whose reads can be limited in time.
type deadliner interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// awaitReady reads up to the ready line, and returns what came before it. The far end says
// nothing behind that line until it was spoken to. quiet is how long nothing may come; 0 has
// no limit.
func awaitReady(c deadliner, quiet time.Duration) (r Ready, before []byte, err error) {
	var b banner
	if quiet > 0 {
		err = c.SetReadDeadline(time.Now().Add(quiet))
	}
	other := ""
	buf := make([]byte, 4<<10)
	for err == nil {
		var n int
		n, err = c.Read(buf)
		limit := time.Duration(0)
		if n > 0 && b.text == nil {
			limit = readyLimit
		}
		b.text = append(b.text, buf[:n]...)
		r, ok, ferr := b.find()
		if ferr != nil {
			return r, b.text, ferr
		}
		if ok {
			return r, b.text, c.SetReadDeadline(time.Time{})
		}
		if other == "" {
			if other = b.other(); other != "" {
				limit = otherLimit
			}
		}
		if limit > 0 && err == nil {
			err = c.SetReadDeadline(time.Now().Add(limit))
		}
	}
	switch {
	case other != "":
		err = otherVersion{other}
	case errors.Is(err, os.ErrDeadlineExceeded) && b.text == nil:
		err = fmt.Errorf("nothing came from there within %v", quiet)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("ferry there has not begun within %v", readyLimit)
	}
	return r, b.text, err
}
