package object

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"ferry/checksum"
)

// A state object says how far an upload is, and who is at it. It is
//
//	"ferry upload 1\n"
//	the length of the header, 4 bytes; big endian, as all numbers
//	the header, JSON
//	for each part: its number, 4 bytes; its ETag and its checksum, a length of 1 byte and the
//	text; the chaining values of its chunks, 32 bytes each
//	the BLAKE3 digest of all before it, 32 bytes
const stateMagic = "ferry upload 1\n"

// Bounds of a state object, in bytes. The chaining values of 1 TiB take 32 MiB; what a larger
// file has more is not noted.
const (
	maxState  = 64 << 20
	maxHeader = 16 << 10
	maxTag    = 200 // of an ETag or a checksum
	maxUpload = 2048
)

// state is what a state object says.
type state struct {
	header
	sent []sent // parts that the store has, in the order of their numbers
}

// header is the part of a state object that tells what it is about.
type header struct {
	Path   string `json:"path"` // where the file will stand, relative to the prefix
	Size   int64  `json:"size"`
	MTime  string `json:"mtime"`
	Part   int64  `json:"part"`   // bytes of a part
	Upload string `json:"upload"` // empty: not begun
	Holder holder `json:"holder"` // who is at it; none: nobody
	Serial int64  `json:"serial"` // makes each writing another one
}

// sent is a part that the store has acknowledged.
type sent struct {
	Number    int
	ETag, Sum string
	CVs       []checksum.CV // of its chunks
}

var errState = errors.New("it is no state of an upload that this version of ferry understands")

// stateKey is the key of the state of the file at path, as owner has it.
func stateKey(owner, path string) string {
	sum := checksum.Sum([]byte(owner + "\x00" + path))
	return statePrefix + hex.EncodeToString(sum[:20])
}

// layout is how the file is divided.
func (h *header) layout() layout { return layout{size: h.Size, part: h.Part} }

// encode makes a state object. Parts for which it has no room are left out.
func (s *state) encode() ([]byte, error) {
	head, err := json.Marshal(&s.header)
	if err != nil {
		return nil, err
	}
	b := append([]byte(stateMagic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(stateMagic):], uint32(len(head)))
	b = append(b, head...)
	for _, p := range s.sent {
		if len(b)+4+2+len(p.ETag)+len(p.Sum)+len(p.CVs)*len(checksum.CV{})+len(checksum.Digest{}) > maxState {
			break
		}
		b = binary.BigEndian.AppendUint32(b, uint32(p.Number))
		for _, text := range []string{p.ETag, p.Sum} {
			b = append(append(b, byte(len(text))), text...)
		}
		for _, cv := range p.CVs {
			b = append(b, cv[:]...)
		}
	}
	sum := checksum.Sum(b)
	return append(b, sum[:]...), nil
}

// decodeHeader reads the header of a state object, of which b is the beginning at least.
func decodeHeader(b []byte) (h header, rest []byte, err error) {
	b, ok := bytes.CutPrefix(b, []byte(stateMagic))
	if !ok || len(b) < 4 {
		return h, nil, errState
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if n > maxHeader || int(n) > len(b) {
		return h, nil, errState
	}
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return header{}, nil, errState
	}
	_, timed := parseTime(h.MTime)
	path, folder, err := pathOfKey(h.Path)
	if err != nil || folder || path != h.Path || !timed || h.Size < 0 || h.Size > maxObject ||
		h.Part < checksum.ChunkSize || h.Part > maxObject || h.Part%checksum.ChunkSize != 0 ||
		h.layout().parts() > maxParts || len(h.Upload) > maxUpload || !h.Holder.sane() {
		return header{}, nil, errState
	}
	return h, b[n:], nil
}

// decodeState reads a whole state object.
func decodeState(b []byte) (*state, error) {
	end := len(b) - len(checksum.Digest{})
	if len(b) > maxState || end < 0 || checksum.Sum(b[:end]) != checksum.Digest(b[end:]) {
		return nil, errState
	}
	h, rest, err := decodeHeader(b[:end])
	if err != nil {
		return nil, err
	}
	s := &state{header: h}
	for len(rest) > 0 {
		p, more, err := decodeSent(h.layout(), rest)
		if err != nil {
			return nil, err
		}
		if n := len(s.sent); n > 0 && s.sent[n-1].Number >= p.Number {
			return nil, fmt.Errorf("%w: its parts are not in order", errState)
		}
		s.sent, rest = append(s.sent, p), more
	}
	return s, nil
}

// decodeSent reads one part.
func decodeSent(l layout, b []byte) (p sent, rest []byte, err error) {
	if len(b) < 4 {
		return p, nil, errState
	}
	number := binary.BigEndian.Uint32(b)
	b = b[4:]
	if number == 0 || number > uint32(l.parts()) {
		return p, nil, errState
	}
	p.Number = int(number)
	for _, text := range []*string{&p.ETag, &p.Sum} {
		if len(b) == 0 || int(b[0]) > maxTag || len(b) < 1+int(b[0]) {
			return p, nil, errState
		}
		*text, b = string(b[1:1+b[0]]), b[1+int(b[0]):]
	}
	_, n := l.span(p.Number)
	chunks := int(checksum.Chunks(n))
	if len(b) < chunks*len(checksum.CV{}) {
		return p, nil, errState
	}
	p.CVs = make([]checksum.CV, chunks)
	for i := range p.CVs {
		p.CVs[i] = checksum.CV(b[:len(checksum.CV{})])
		b = b[len(checksum.CV{}):]
	}
	return p, b, nil
}
