package framing

import (
	"encoding/binary"
	"unicode/utf8"
)

// uvarint reads an unsigned LEB128 number. Only the shortest form is taken, so
// that a value has one encoding; n is its length in bytes, at most 10.
func uvarint(b []byte) (v uint64, n int, err error) {
	v, n = binary.Uvarint(b)
	switch {
	case n == 0 && len(b) < binary.MaxVarintLen64:
		return 0, 0, errShort
	case n <= 0:
		return 0, 0, errRange
	case n > 1 && b[n-1] == 0:
		return 0, 0, errNotMinimal
	}
	return v, n, nil
}

// unzigzag maps 0, 1, 2, 3 … back to 0, -1, 1, -2 …
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func appendBytes[S []byte | string](b []byte, s S) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendMessage cuts a text to maxMessage: a long cause must not cost the
// connection that reports it.
func appendMessage(b []byte, s string) []byte {
	if len(s) > maxMessage {
		n := maxMessage
		for n > maxMessage-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return appendBytes(b, s)
}
