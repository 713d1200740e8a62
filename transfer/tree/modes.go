package tree

import (
	"errors"
	"fmt"
	"strings"
)

// The mode bits that a change can be about.
const (
	modeAll   = 0o7777
	modeSetID = 0o6000
	modeExec  = 0o111
)

// Modes are changes to the mode bits of items, one after another.
type Modes []modeChange

// modeChange is one operator of one change.
type modeChange struct {
	only Kind // Folder or File: others stay as they are; 0: all
	op   byte // +, - or =
	// affected are the bits of those who were named; 0: nobody was, and the umask holds.
	affected  uint32
	value     uint32
	mentioned uint32 // bits that a folder would keep otherwise: its set-id bits
	copies    bool   // value tells whose bits are copied
	ifAny     bool   // X: execute for a folder, and for what somebody may execute
	umask     uint32
}

// ParseModes reads changes as chmod(1) takes them, separated by commas: 755, u=rwX,
// go-w, g=u. A D before one has it be about folders only, and an F about all else. A
// change that names nobody, as in +x, leaves out what umask has.
func ParseModes(text string, umask uint32) (m Modes, err error) {
	for clause := range strings.SplitSeq(text, ",") {
		changes, err := parseClause(clause, umask)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clause, err)
		}
		m = append(m, changes...)
	}
	return m, nil
}

// Errors of ParseModes.
var (
	errModeEmpty = errors.New("nothing is to be changed")
	errModeOctal = errors.New("an octal mode has one to five digits from 0 to 7, up to 7777")
	errModeOp    = errors.New("+, - or = is missing")
	errModeWhat  = errors.New("only r, w, x, X, s and t, or one of u, g and o, can follow +, - or =")
)

func parseClause(text string, umask uint32) (m Modes, err error) {
	c := modeChange{umask: umask & 0o777}
	switch {
	case strings.HasPrefix(text, "D"):
		c.only, text = Folder, text[1:]
	case strings.HasPrefix(text, "F"):
		c.only, text = File, text[1:]
	}
	if text == "" {
		return nil, errModeEmpty
	}
	if text[0] >= '0' && text[0] <= '9' {
		return parseOctal(c, text)
	}
	for ; text != "" && strings.IndexByte("ugoa", text[0]) >= 0; text = text[1:] {
		c.affected |= affectedBy(text[0])
	}
	if text == "" {
		return nil, errModeOp
	}
	for text != "" {
		op := c
		if op.op = text[0]; strings.IndexByte("+-=", op.op) < 0 {
			if len(m) == 0 {
				return nil, errModeOp
			}
			return nil, errModeWhat
		}
		text = op.parseWhat(text[1:])
		op.mentioned = op.value
		if op.affected != 0 {
			op.mentioned &= op.affected
		}
		m = append(m, op)
	}
	return m, nil
}

// parseOctal is about all bits, but for the set-id bits of a folder that it does not name.
func parseOctal(c modeChange, text string) (Modes, error) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '7' || len(text) > 5 {
			return nil, errModeOctal
		}
		c.value = c.value<<3 | uint32(text[i]-'0')
	}
	if c.value > modeAll {
		return nil, errModeOctal
	}
	c.op, c.affected, c.mentioned = '=', modeAll, c.value&modeSetID|modeAll&^modeSetID
	if len(text) == 5 {
		c.mentioned = modeAll
	}
	return Modes{c}, nil
}

func affectedBy(who byte) uint32 {
	switch who {
	case 'u':
		return 0o4700
	case 'g':
		return 0o2070
	case 'o':
		return 0o1007
	}
	return modeAll
}

// parseWhat reads what follows an operator, and returns the rest.
func (c *modeChange) parseWhat(text string) (rest string) {
	if text != "" && strings.IndexByte("ugo", text[0]) >= 0 {
		c.copies, c.value = true, affectedBy(text[0])&0o777
		return text[1:]
	}
	for ; text != ""; text = text[1:] {
		switch text[0] {
		case 'r':
			c.value |= 0o444
		case 'w':
			c.value |= 0o222
		case 'x':
			c.value |= modeExec
		case 'X':
			c.ifAny = true
		case 's':
			c.value |= modeSetID
		case 't':
			c.value |= 0o1000
		default:
			return text
		}
	}
	return ""
}

// Apply returns mode, of an item of that kind, as changed. A symbolic link has no mode.
func (m Modes) Apply(mode uint32, kind Kind) uint32 {
	if kind == Symlink {
		return mode
	}
	folder := kind == Folder || kind == Root
	for i := range m {
		if c := &m[i]; c.only == 0 || folder == (c.only == Folder) {
			mode = c.apply(mode, folder)
		}
	}
	return mode
}

func (c *modeChange) apply(mode uint32, folder bool) uint32 {
	kept := uint32(0)
	if folder {
		kept = modeSetID &^ c.mentioned
	}
	value := c.value
	if c.copies {
		value = copied(value & mode)
	}
	if c.ifAny && (folder || mode&modeExec != 0) {
		value |= modeExec
	}
	if c.affected != 0 {
		value &= c.affected
	} else {
		value &^= c.umask
	}
	value &^= kept
	switch c.op {
	case '+':
		return mode | value
	case '-':
		return mode &^ value
	}
	stays := kept
	if c.affected != 0 {
		stays |= ^c.affected
	}
	return (mode&stays | value) & modeAll
}

// copied gives everybody the permissions that somebody has in have.
func copied(have uint32) (all uint32) {
	for _, bits := range [...]uint32{0o444, 0o222, modeExec} {
		if have&bits != 0 {
			all |= bits
		}
	}
	return all
}
