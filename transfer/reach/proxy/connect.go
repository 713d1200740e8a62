package proxy

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// mostInterim bounds the interim answers (100 to 199) before the last one.
const mostInterim = 8

// connect asks an HTTP proxy for a tunnel.
func (p *Proxy) connect(conn io.ReadWriter, addr string) error {
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if p.user != "" {
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	limited := &io.LimitedReader{R: oneByOne{conn}, N: maxAnswer}
	status, reason, err := answer(limited)
	switch {
	case err != nil && limited.N <= 0:
		return fmt.Errorf("%w: an answer of more than %d bytes", errSpeech, maxAnswer)
	case err != nil:
		return err
	case status >= 200 && status <= 299:
		return nil
	}
	return statusRefusal(status, reason)
}

// answer reads the head of an answer. r gives what was asked for and no byte more, so
// that what follows the head stays unread.
func answer(r io.Reader) (status int, reason string, err error) {
	text := textproto.NewReader(bufio.NewReader(r))
	for range mostInterim {
		line, err := text.ReadLine()
		if err != nil {
			return 0, "", err
		}
		if status, reason, err = parseStatus(line); err != nil {
			return 0, "", err
		}
		if _, err = text.ReadMIMEHeader(); err != nil {
			return 0, "", headerError(err)
		}
		if status >= 200 {
			return status, reason, nil
		}
	}
	return 0, "", fmt.Errorf("%w: it has no last answer", errSpeech)
}

// headerError tells what is no header from what ended early.
func headerError(err error) error {
	var broken textproto.ProtocolError
	if errors.As(err, &broken) {
		return fmt.Errorf("%w: it has no header", errSpeech)
	}
	return err
}

// parseStatus reads a line such as HTTP/1.1 200 Connection established.
func parseStatus(line string) (status int, reason string, err error) {
	version, rest, _ := strings.Cut(line, " ")
	number, reason, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	status, err = strconv.Atoi(number)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || len(number) != 3 || status < 100 {
		return 0, "", errSpeech
	}
	return status, reason, nil
}

// oneByOne reads one byte at a time: whoever buffers what it gives reads nothing ahead.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }
