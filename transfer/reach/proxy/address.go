package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"ferry/transfer/link"
)

// kind is what is spoken with a proxy.
type kind uint8

const (
	socks kind = iota
	connect
	connectTLS
)

// Limits of SOCKS5 (RFC 1929), which hold for CONNECT too.
const (
	maxUser = 255 // bytes of a name and of a password
	maxHost = 255
)

// Environment returns what the variables of the environment say: the proxy, "" for none,
// and what is dialled without it. A variable in capitals comes first.
func Environment(getenv func(string) string) (address, without string) {
	return either(getenv, "ALL_PROXY", "all_proxy"), either(getenv, "NO_PROXY", "no_proxy")
}

func either(getenv func(string) string, names ...string) string {
	for _, name := range names {
		if text := strings.TrimSpace(getenv(name)); text != "" {
			return text
		}
	}
	return ""
}

// New reads the address of a proxy, as ALL_PROXY has it: socks5h://HOST:PORT, http:// or
// https://, with USER:PASSWORD@ before the host where it wants them. socks5:// and socks://
// mean the same as socks5h://; without a scheme it is http://. without is as in NO_PROXY. An
// error does not quote the address, in which a password may be.
func New(address, without string) (*Proxy, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("is no URL: it needs the form socks5h://HOST:PORT or http://HOST:PORT")
	}
	p := &Proxy{dialer: link.Dialer()}
	port := "1080"
	switch u.Scheme {
	case "socks5h", "socks5", "socks":
		p.kind, p.scheme = socks, "socks5h"
	case "http":
		p.kind, p.scheme, port = connect, u.Scheme, "80"
	case "https":
		p.kind, p.scheme, port = connectTLS, u.Scheme, "443"
	default:
		return nil, fmt.Errorf("has the scheme %s: it needs socks5h, http or https", u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case u.Hostname() == "" || len(u.Hostname()) > maxHost:
		return nil, errors.New("names no machine: it needs the form socks5h://HOST:PORT or http://HOST:PORT")
	case err != nil || n == 0:
		return nil, errors.New("has no port that can be dialled: ports are 1 to 65535")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has something behind the port, where a proxy has nothing")
	}
	p.host, p.port = u.Hostname(), uint16(n)
	p.user = u.User.Username()
	p.password, _ = u.User.Password()
	if u.User != nil && (p.user == "" || len(p.user) > maxUser || len(p.password) > maxUser) {
		return nil, fmt.Errorf("has a user or a password that is empty or longer than %d bytes", maxUser)
	}
	// The library answers with the proxy for an address, or with none. Its name is of no
	// matter.
	rules := httpproxy.Config{HTTPSProxy: "http://proxy.invalid", NoProxy: without}
	p.through = rules.ProxyFunc()
	return p, nil
}

// Secret reports whether the address has a user or a password in it.
func (p *Proxy) Secret() bool { return p.user != "" }

// String is the proxy as it may be shown: without user and password.
func (p *Proxy) String() string { return p.scheme + "://" + p.Host() }

// Host is HOST:PORT of the proxy.
func (p *Proxy) Host() string { return net.JoinHostPort(p.host, strconv.Itoa(int(p.port))) }

// Port is that of the proxy.
func (p *Proxy) Port() uint16 { return p.port }

// Takes reports whether addr, HOST:PORT, is dialled through the proxy.
func (p *Proxy) Takes(addr string) bool {
	u, err := p.through(&url.URL{Scheme: "https", Host: addr})
	return err != nil || u != nil
}
