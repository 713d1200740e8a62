package storage

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"ferry/transfer/tree"
)

// MaxAlternatives bounds the search for a free name.
const MaxAlternatives = 10_000

// Alternative returns the n-th other name for name: "photo.jpg" becomes
// "photo (1).jpg", "archive" "archive (1)", ".profile" ".profile (1)". Names that
// would get too long lose the end of what is before the number.
func Alternative(name string, n int) string {
	number := " (" + strconv.Itoa(n) + ")"
	stem, ext := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		stem, ext = name[:dot], name[dot:]
	}
	// An extension that leaves no room for a stem is not treated as one.
	if len(ext)+len(number) >= tree.MaxName {
		stem, ext = name, ""
	}
	if room := tree.MaxName - len(ext) - len(number); len(stem) > room {
		// Back to the start of a character, if the bytes are UTF-8.
		cut := room
		for cut > room-utf8.UTFMax && cut > 0 && !utf8.RuneStart(stem[cut]) {
			cut--
		}
		stem = stem[:cut]
	}
	return stem + number + ext
}
