package store

import (
	"net"
	"path/filepath"
	"strconv"
)

// Needs is what requests to a store still take from the system, for a process that is about to
// give up rights.
type Needs struct {
	Port     uint16 // TCP
	AnyPort  bool   // a proxy, or what hands out credentials, may have any
	Resolves bool   // a name has to be looked up
	Files    []string
}

// Needs returns it.
func (s *Store) Needs() Needs {
	endpoint, secure := s.bucket.Endpoint()
	n := Needs{Port: 80}
	if secure {
		n.Port = 443
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		host = endpoint
	} else if p, err := strconv.ParseUint(port, 10, 16); err == nil {
		n.Port = uint16(p)
	}
	n.Resolves = net.ParseIP(host) == nil
	getenv := s.options.Getenv
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		n.AnyPort = n.AnyPort || getenv(name) != ""
	}
	if getenv("AWS_ACCESS_KEY_ID") != "" {
		return n // nothing else is asked who this is
	}
	n.AnyPort = true
	for _, name := range []string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		if file := getenv(name); file != "" {
			n.Files = append(n.Files, file)
		}
	}
	if home := getenv("HOME"); home != "" {
		n.Files = append(n.Files, filepath.Join(home, ".aws"))
	}
	return n
}
