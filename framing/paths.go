package framing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Limits on a PATHS.
const (
	MaxPaths    = 32  // addresses
	MaxPathHost = 255 // bytes of a name
)

// PathKind says what kind of address a Path is.
type PathKind uint8

// The kinds of paths. Values are part of the wire format.
const (
	PathV4    PathKind = 1 // an IPv4 address
	PathV6    PathKind = 2 // an IPv6 address that is not link-local
	PathLocal PathKind = 3 // a link-local IPv6 address: the zone is for the other side to find
	PathName  PathKind = 4 // a name of DNS
	PathSeen  PathKind = 5 // an address of either family as a relay sees it
)

// Path is an address at which a side may be reached by TCP.
type Path struct {
	Kind PathKind
	Host string // an address without a zone in its shortest form, or a name
	Port uint16 // not 0
}

// Paths are all addresses at which a side may be reached. They replace those of a lower
// serial.
type Paths struct {
	Serial uint32
	List   []Path // at most MaxPaths; none: it is reached nowhere else
}

var (
	errPathHost = errors.New("no address of that kind")
	errPathSize = fmt.Errorf("more than %d addresses, or too long names", MaxPaths)
)

// ParsePaths parses the body of a PATHS.
func ParsePaths(b []byte) (Paths, error) {
	d := decoder{t: TypePaths, b: b}
	m := Paths{Serial: d.u32("serial")}
	n := d.u8("count")
	if n > MaxPaths {
		d.fail("count", errRange)
	}
	for range n {
		if d.err != nil {
			break
		}
		m.List = append(m.List, takePath(&d))
	}
	if err := d.end(); err != nil {
		return Paths{}, err
	}
	return m, nil
}

// takePath takes one address.
func takePath(d *decoder) Path {
	p := Path{Kind: PathKind(d.u8("kind"))}
	if d.err == nil && (p.Kind < PathV4 || p.Kind > PathSeen) {
		d.fail("kind", errUnknown)
	}
	raw := d.bytes("address", 1, MaxPathHost)
	if p.Port = d.u16("port"); p.Port == 0 {
		d.fail("port", errRange)
	}
	if d.err != nil {
		return Path{}
	}
	p.Host = string(raw)
	if p.Kind != PathName {
		a, ok := netip.AddrFromSlice(raw)
		if !ok {
			d.fail("address", errRange)
			return Path{}
		}
		p.Host = a.String()
	}
	if _, err := p.address(); err != nil {
		d.fail("address", errRange)
	}
	return p
}

// address returns the bytes of the host, if they are of the path's kind.
func (p *Path) address() ([]byte, error) {
	if p.Kind == PathName {
		if !isHostName(p.Host) {
			return nil, errPathHost
		}
		return []byte(p.Host), nil
	}
	a, err := netip.ParseAddr(p.Host)
	fits := err == nil && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified()
	switch p.Kind {
	case PathV4:
		fits = fits && a.Is4()
	case PathV6:
		fits = fits && a.Is6() && !a.IsLinkLocalUnicast()
	case PathLocal:
		fits = fits && a.Is6() && a.IsLinkLocalUnicast()
	case PathSeen:
	default:
		fits = false
	}
	if !fits {
		return nil, errPathHost
	}
	return a.AsSlice(), nil
}

// isHostName tells whether s is letters, digits, dots, hyphens and underscores, and no
// address.
func isHostName(s string) bool {
	if s == "" || len(s) > MaxPathHost {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

// Append appends the body to b. It is an error if an address is not of its kind, or if
// there are more than a PATHS holds.
func (m *Paths) Append(b []byte) ([]byte, error) {
	before := len(b)
	if len(m.List) > MaxPaths {
		return nil, errPathSize
	}
	b = binary.BigEndian.AppendUint32(b, m.Serial)
	b = append(b, byte(len(m.List)))
	for i := range m.List {
		p := &m.List[i]
		host, err := p.address()
		if err != nil || p.Port == 0 {
			return nil, fmt.Errorf("path %q, port %d: %w", p.Host, p.Port, errPathHost)
		}
		b = append(b, byte(p.Kind))
		b = appendBytes(b, host)
		b = binary.BigEndian.AppendUint16(b, p.Port)
	}
	if len(b)-before > Limit(TypePaths) {
		return nil, errPathSize
	}
	return b, nil
}
