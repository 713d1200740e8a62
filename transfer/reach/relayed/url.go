package relayed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// defaultPort is that of a relay without a proxy before it.
const defaultPort = 33780

const defaultTLSPort = 443 // of TLS and WebSockets

// URL names a relay:
//
//	tcp://host[:33780]                  without TLS to the relay
//	tls://host[:443][#sha256=HEX]       TLS outside; the pin is that of the certificate's key
//	wss://host[:443]/path[#sha256=HEX]  a WebSocket, for relays behind a web server
//
// What goes through a relay is encrypted in any case: TLS to the relay only hides which
// program talks.
type URL struct {
	scheme string
	host   string // without a port, and without brackets
	port   uint16
	path   string // of wss, with its query
	pin    string // the SHA-256 of the certificate's SPKI; empty for the system's roots
}

var (
	errScheme  = errors.New("begins with none of tcp://, tls:// and wss://")
	errUser    = errors.New("has a user name: a relay asks for a token, which is given apart")
	errNoHost  = errors.New("names no host")
	errHost    = errors.New("has neither a name nor a number of a machine")
	errPort    = errors.New("has no port from 1 to 65535 behind the colon")
	errPath    = errors.New("has a path: only wss:// takes one")
	errPinOnly = errors.New("has something else than sha256=HEX behind the #")
	errPinTCP  = errors.New("has a pin: only tls:// and wss:// have a certificate")
	errPinSize = fmt.Errorf("has no pin of %d hexadecimal digits", 2*sha256.Size)
)

// ParseURL reads a relay's URL as a person gives it.
func ParseURL(text string) (URL, error) {
	u, err := parseURL(text)
	if err != nil {
		return URL{}, fmt.Errorf("the relay's URL %q %w", text, err)
	}
	return u, nil
}

func parseURL(text string) (URL, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		var op *url.Error
		if errors.As(err, &op) {
			err = op.Err
		}
		return URL{}, fmt.Errorf("cannot be read: %w", err)
	}
	u := URL{scheme: parsed.Scheme, host: parsed.Hostname()}
	switch {
	case parsed.Scheme != "tcp" && parsed.Scheme != "tls" && parsed.Scheme != "wss":
		return URL{}, errScheme
	case parsed.User != nil:
		return URL{}, errUser
	case u.host == "":
		return URL{}, errNoHost
	case strings.Contains(u.host, ":") && !isIPv6(u.host), !strings.Contains(u.host, ":") && strings.ContainsFunc(u.host, notInName):
		return URL{}, errHost
	case u.scheme != "wss" && (strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.ForceQuery):
		return URL{}, errPath
	}
	if u.port, err = portOf(parsed.Host, u.host, u.scheme); err != nil {
		return URL{}, err
	}
	if u.scheme == "wss" {
		u.path = "/" + strings.TrimPrefix(parsed.RequestURI(), "/")
	}
	u.pin, err = pinOf(parsed.Fragment, u.scheme)
	return u, err
}

func isIPv6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is6() && !strings.ContainsFunc(ip.Zone(), notInName)
}

// notInName is about names as resolvers take them.
func notInName(r rune) bool {
	return r != '.' && r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// portOf is the port of a URL's host, which is host without it.
func portOf(whole, host, scheme string) (uint16, error) {
	rest := strings.TrimPrefix(strings.TrimPrefix(whole, "["), host)
	rest = strings.TrimPrefix(rest, "]")
	switch {
	case rest == "" && scheme == "tcp":
		return defaultPort, nil
	case rest == "":
		return defaultTLSPort, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(rest, ":"), 10, 16)
	if err != nil || n == 0 {
		return 0, errPort
	}
	return uint16(n), nil
}

func pinOf(fragment, scheme string) (string, error) {
	if fragment == "" {
		return "", nil
	}
	digits, ok := strings.CutPrefix(fragment, "sha256=")
	if !ok {
		return "", errPinOnly
	}
	if scheme == "tcp" {
		return "", errPinTCP
	}
	pin, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return "", errPinSize
	}
	return string(pin), nil
}

// Addr is where the relay is dialled: host and port.
func (u URL) Addr() string { return net.JoinHostPort(u.host, strconv.Itoa(int(u.port))) }

// Host is the relay's name for people, without a port that goes without saying.
func (u URL) Host() string {
	if u.scheme == "tcp" && u.port == defaultPort || u.scheme != "tcp" && u.port == defaultTLSPort {
		return u.host
	}
	return u.Addr()
}

// Pinned is the URL in full with another pin, in hexadecimal digits.
func (u URL) Pinned(pin string) string {
	u.pin = ""
	return u.String() + "#sha256=" + pin
}

// String is the URL in full, as ParseURL takes it.
func (u URL) String() string {
	text := u.scheme + "://" + strings.Replace(u.Addr(), "%", "%25", 1) + u.path // of a zone
	if u.pin != "" {
		text += "#sha256=" + hex.EncodeToString([]byte(u.pin))
	}
	return text
}
