package filter

import "strings"

// byteSet is a set of bytes: names are bytes, whatever their encoding.
type byteSet [4]uint64

func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// addRange adds the bytes from lo to hi, none if hi is below lo.
func (s *byteSet) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
}

// invert adds the slash too, as git does; op.one lets no set match it.
func (s *byteSet) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func (s *byteSet) addString(bytes string) {
	for i := range len(bytes) {
		s.addRange(bytes[i], bytes[i])
	}
}

// parseSet reads the set whose first byte after the [ is at i, and returns where
// the glob goes on. A ] counts as a byte if it comes first. It returns false for a
// set that does not end and for an unknown class.
func parseSet(glob string, i int) (*byteSet, int, bool) {
	set := &byteSet{}
	// git takes both; POSIX has the ! only.
	negated := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negated {
		i++
	}
	var low byte // what a - may start from; 0 after a range or class
	for first := true; ; first = false {
		// This holds after a backslash at the end too: setByte is past the end then.
		if i >= len(glob) {
			return nil, 0, false
		}
		switch c := glob[i]; {
		case c == ']' && !first:
			if negated {
				set.invert()
			}
			return set, i + 1, true
		case c == '-' && low != 0 && i+1 < len(glob) && glob[i+1] != ']':
			high, next := setByte(glob, i+1)
			set.addRange(low, high)
			low, i = 0, next
		case c == '[' && strings.HasPrefix(glob[i+1:], ":"):
			// git looks for the next ] first, then whether a : is before it.
			length := strings.IndexByte(glob[i+2:], ']')
			if length < 0 {
				return nil, 0, false
			}
			name, ok := strings.CutSuffix(glob[i+2:i+2+length], ":")
			if !ok { // the [ is one of the bytes
				set.addRange(c, c)
				low, i = c, i+1
				continue
			}
			if !set.addClass(name) {
				return nil, 0, false
			}
			low, i = 0, i+2+length+1
		default:
			low, i = setByte(glob, i)
			set.addRange(low, low)
		}
	}
}

// setByte reads one byte of a set, which may be escaped, and returns where the set
// goes on: past the end of the glob if nothing follows a backslash.
func setByte(glob string, i int) (byte, int) {
	if glob[i] != '\\' {
		return glob[i], i + 1
	}
	if i+1 == len(glob) {
		return 0, i + 1
	}
	return glob[i+1], i + 2
}

// addClass adds the class [:name:]. Classes are ASCII, whatever the locale. White space
// is as in git, without vertical tab and form feed.
func (s *byteSet) addClass(name string) bool {
	switch name {
	case "alnum":
		s.addRange('0', '9')
		s.addRange('A', 'Z')
		s.addRange('a', 'z')
	case "alpha":
		s.addRange('A', 'Z')
		s.addRange('a', 'z')
	case "blank":
		s.addString(" \t")
	case "cntrl":
		s.addRange(0x01, 0x1f)
		s.addRange(0x7f, 0x7f)
	case "digit":
		s.addRange('0', '9')
	case "graph":
		s.addRange('!', '~')
	case "lower":
		s.addRange('a', 'z')
	case "print":
		s.addRange(' ', '~')
	case "punct":
		s.addRange('!', '/')
		s.addRange(':', '@')
		s.addRange('[', '`')
		s.addRange('{', '~')
	case "space":
		s.addString(" \t\r\n")
	case "upper":
		s.addRange('A', 'Z')
	case "xdigit":
		s.addRange('0', '9')
		s.addRange('A', 'F')
		s.addRange('a', 'f')
	default:
		return false
	}
	return true
}
