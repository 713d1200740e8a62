package reach

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// DefaultPort is FERRY on a telephone's keys.
const DefaultPort = 33779

const (
	maxAddresses = 16  // in a list
	maxName      = 253 // bytes of a name in the DNS
)

// Address is where to dial: a machine by its name or number, and a port.
type Address struct {
	Host string // without brackets, with the zone of a link-local one
	Port uint16
}

// String is HOST:PORT.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// Short leaves out what need not be typed: the default port, and then the brackets too.
func (a Address) Short() string {
	if a.Port == DefaultPort {
		return a.Host
	}
	return a.String()
}

// number is the host as a number, not valid where it is a name.
func (a Address) number() netip.Addr {
	ip, _ := netip.ParseAddr(a.Host) // the zero Addr with an error
	return ip.Unmap()
}

// Join writes a list as ParseList reads it.
func Join(list []Address) string { return join(list, Address.String) }

// JoinShort is Join with each as short as it can be typed.
func JoinShort(list []Address) string { return join(list, Address.Short) }

func join(list []Address, one func(Address) string) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = one(a)
	}
	return strings.Join(texts, ",")
}

// ParseList reads what a person types: addresses with commas between them, each HOST or
// HOST:PORT. What is named twice counts once. An error says what to type.
func ParseList(text string) ([]Address, error) {
	var list []Address
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, errors.New("an address is missing")
		}
		a, err := parse(part)
		if err != nil {
			return nil, fmt.Errorf("%q %w", part, err)
		}
		if !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	if len(list) > maxAddresses {
		return nil, fmt.Errorf("%d addresses are given, and %d is the limit", len(list), maxAddresses)
	}
	return list, nil
}

// parse reads one address. Its error goes on after the address.
func parse(text string) (Address, error) {
	switch {
	case strings.Contains(text, "://"):
		return Address{}, errors.New("is a URL: the machine alone is enough")
	case strings.ContainsAny(text, `/\`):
		return Address{}, errors.New("is a path: an address has no slash in it")
	case strings.Contains(text, "@"):
		return Address{}, errors.New("names a user: the machine alone is enough")
	case strings.ContainsFunc(text, unicode.IsSpace):
		return Address{}, errors.New("has a space in it: commas separate addresses")
	}
	host, port, err := split(text)
	if err != nil {
		return Address{}, err
	}
	a := Address{host, DefaultPort}
	if port != nil {
		if a.Port, err = parsePort(*port); err != nil {
			return Address{}, err
		}
	}
	return a, checkHost(host)
}

// split takes an address apart. port is nil without a port.
func split(text string) (host string, port *string, err error) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inside, behind, closed := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(inside)
		switch {
		case !closed:
			return "", nil, errors.New("has a bracket that is not closed")
		case err != nil || !ip.Is6():
			return "", nil, errors.New("is no IPv6 address, which is what brackets are for")
		case behind == "":
			return inside, nil, nil
		case behind[0] != ':':
			return "", nil, errors.New("has something other than a port behind the bracket")
		}
		behind = behind[1:]
		return inside, &behind, nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return text, nil, nil
	}
	last := strings.LastIndexByte(text, ':')
	if last < 0 {
		return text, nil, nil
	}
	host, number := text[:last], text[last+1:]
	if !strings.Contains(host, ":") {
		return host, &number, nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", nil, fmt.Errorf("has a port behind an IPv6 address: write [%s]:%s", host, number)
	}
	return "", nil, errors.New("is no IPv6 address, and has too many colons for anything else")
}

// parsePort reads a number, or the name of a service that this machine knows.
func parsePort(text string) (uint16, error) {
	if text == "" {
		return 0, fmt.Errorf("has no port behind the colon: without a colon it is %d", DefaultPort)
	}
	n, err := net.LookupPort("tcp", text)
	if err != nil || n < 1 {
		return 0, errors.New("has no port that can be dialled: ports are 1 to 65535")
	}
	return uint16(n), nil
}

func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		switch {
		case ip.IsUnspecified():
			return errors.New("means every address of a machine that listens: give one of them")
		case ip.IsMulticast():
			return errors.New("is an address of many machines: give that of one")
		case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
			return fmt.Errorf("needs the interface of this machine that leads there, as in %s%%eth0", host)
		}
		return nil
	}
	digits := !strings.ContainsFunc(host, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	switch {
	case host == "":
		return errors.New("has no machine before the port")
	case digits && !strings.Contains(host, "."):
		return errors.New("is a number only: an address names a machine")
	case digits:
		return errors.New("is no IPv4 address: those have four numbers up to 255")
	case host[0] == '-' || len(host) > maxName || strings.ContainsFunc(host, notInName):
		return errors.New("is no name of a machine")
	}
	return nil
}

// notInName is about names as resolvers take them, which is more than the DNS allows.
func notInName(r rune) bool {
	return r != '.' && r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// LooksLikeAddress reports whether text can hardly be anything but an address: it ends
// in a port, or it is the number of a machine.
func LooksLikeAddress(text string) bool {
	list, err := ParseList(text)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(list, func(a Address) bool {
		return !a.number().IsValid() && !strings.HasSuffix(text, ":"+strconv.Itoa(int(a.Port)))
	})
}
