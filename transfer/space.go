package transfer

import (
	"fmt"
	"strconv"
)

// spaceError says that n bytes do not fit where free are left beside what is on
// its way there already. It names no path: the other side is told too.
func spaceError(n, free int64) error {
	return fmt.Errorf("needs %s, %s free at the destination beside what is on its way; free some and run the same command again", SizeText(n), SizeText(free))
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
