package object

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// The keys of the user metadata of an object. Stores give them back in lower case.
const (
	metaMTime  = "mtime"  // decimal seconds since 1970 UTC, as rclone writes them
	metaMode   = "mode"   // octal, & 0777
	metaDigest = "blake3" // of the content, 64 hexadecimal digits
)

// Longest values that are looked at, in bytes. What is longer is no value of ours.
const (
	maxMTimeText = 40
	maxModeText  = 12
)

// meta is what the user metadata of an object says of a file.
type meta struct {
	MTime  tree.Time
	Mode   uint32 // & 0777
	Digest checksum.Digest
	// HasMTime, HasMode and HasDigest say what of it there is. What is not well-formed is
	// taken for absent: anybody who may write to the bucket can put it there.
	HasMTime, HasMode, HasDigest bool
}

// encode makes user metadata of what m has.
func (m meta) encode() map[string]string {
	out := make(map[string]string, 3)
	if m.HasMTime {
		out[metaMTime] = formatTime(m.MTime)
	}
	if m.HasMode {
		out[metaMode] = strconv.FormatUint(uint64(m.Mode&0o777), 8)
	}
	if m.HasDigest {
		out[metaDigest] = m.Digest.String()
	}
	return out
}

// decodeMeta reads the user metadata of an object, with its keys in lower case.
func decodeMeta(user map[string]string) (m meta) {
	m.MTime, m.HasMTime = parseTime(user[metaMTime])
	if mode := user[metaMode]; mode != "" && len(mode) <= maxModeText {
		if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
			m.Mode, m.HasMode = uint32(n)&0o777, true // other tools add the kind of the item
		}
	}
	if d := user[metaDigest]; len(d) == 2*len(m.Digest) {
		if _, err := hex.Decode(m.Digest[:], []byte(d)); err == nil {
			m.HasDigest = true
		} else {
			m.Digest = checksum.Digest{}
		}
	}
	return m
}

// formatTime writes a time as rclone does: without a fraction that is zero, and without
// zeros at the end of one.
func formatTime(t tree.Time) string {
	sec, nsec, sign := t.Sec, t.Nsec, ""
	if sec < 0 {
		// -1.5 is sec -2 and nsec 5e8. The least sec there is stays as it is without a sign.
		sign = "-"
		if nsec > 0 {
			sec, nsec = sec+1, 1e9-nsec
		}
	}
	text := sign + strings.TrimPrefix(strconv.FormatInt(sec, 10), "-")
	if nsec == 0 {
		return text
	}
	return text + "." + strings.TrimRight(fmt.Sprintf("%09d", nsec), "0")
}

// parseTime reads what formatTime wrote. More than nine digits of a fraction are cut off.
func parseTime(text string) (t tree.Time, ok bool) {
	if text == "" || len(text) > maxMTimeText {
		return t, false
	}
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, dot := strings.Cut(text, ".")
	if !digits(whole) || dot && !digits(fraction) {
		return t, false
	}
	if negative {
		whole = "-" + whole
	}
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return t, false
	}
	fraction = (fraction + "000000000")[:9]
	nsec, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return t, false
	}
	if negative && nsec > 0 {
		if sec == -1<<63 {
			return t, false
		}
		sec, nsec = sec-1, 1e9-nsec
	}
	return tree.Time{Sec: sec, Nsec: uint32(nsec)}, true
}

// digits reports whether text is one decimal digit or more.
func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
