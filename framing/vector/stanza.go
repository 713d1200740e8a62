package vector

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Stanza is one vector: keys with values, in the order of the file.
type Stanza struct {
	fields []field
}

type field struct{ key, value string }

// Has reports whether the stanza has the key.
func (s *Stanza) Has(key string) bool {
	_, ok := s.lookUp(key)
	return ok
}

// Equal reports whether both have the same keys with the same values in one order.
func (s *Stanza) Equal(o *Stanza) bool { return slices.Equal(s.fields, o.fields) }

// Text returns the value of key as it stands in the file.
func (s *Stanza) Text(key string) (string, error) {
	if v, ok := s.lookUp(key); ok {
		return v, nil
	}
	return "", fmt.Errorf("no %q in the stanza %q", key, s.name())
}

// Number returns the value of key, a decimal number.
func (s *Stanza) Number(key string) (uint64, error) {
	text, err := s.Text(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q in the stanza %q: %w", key, s.name(), err)
	}
	return n, nil
}

// Bytes returns the value of key, hexadecimal digits; a "-" stands for no bytes.
func (s *Stanza) Bytes(key string) ([]byte, error) {
	text, err := s.Text(key)
	if err != nil || text == "-" {
		return nil, err
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q in the stanza %q: %w", key, s.name(), err)
	}
	return b, nil
}

// Add appends a key with a text of one line.
func (s *Stanza) Add(key, text string) { s.fields = append(s.fields, field{key, text}) }

// AddNumber appends a key with a decimal number.
func (s *Stanza) AddNumber(key string, n uint64) { s.Add(key, strconv.FormatUint(n, 10)) }

// AddBytes appends a key with bytes as hexadecimal digits.
func (s *Stanza) AddBytes(key string, b []byte) {
	if len(b) == 0 {
		s.Add(key, "-")
		return
	}
	s.Add(key, hex.EncodeToString(b))
}

func (s *Stanza) lookUp(key string) (value string, ok bool) {
	for _, f := range s.fields {
		if f.key == key {
			return f.value, true
		}
	}
	return "", false
}

// name is how an error calls the stanza.
func (s *Stanza) name() string {
	if name, ok := s.lookUp("name"); ok || len(s.fields) == 0 {
		return name
	}
	return strings.TrimSpace(s.fields[0].key + ": " + s.fields[0].value)
}
