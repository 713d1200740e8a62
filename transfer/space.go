package transfer

import (
	"fmt"
	"strconv"
)

// SpaceError says that Need bytes do not fit: only Free bytes are left beside those that
// are promised to other items.
type SpaceError struct {
	Need, Free int64
	Place      string // the destination as the user named it; empty for the other side
}

func (e SpaceError) Error() string {
	where := "at the destination"
	if e.Place != "" {
		where = fmt.Sprintf("in %q", e.Place)
	}
	return fmt.Sprintf("needs %s of space, %s are free %s beside what is on its way", SizeText(e.Need), SizeText(e.Free), where)
}

// SizeText is a number of bytes for people: three digits and an IEC unit.
func SizeText(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 1023.5 && unit < 6 {
		f, unit = f/1024, unit+1
	}
	digits := 0
	if f < 9.995 {
		digits = 2
	} else if f < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + string("KMGTPE"[unit-1]) + "iB"
}
