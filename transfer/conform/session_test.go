package conform

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/framing/vector"
)

// sessions is where the transcripts are, below the top of the repository.
const sessions = "../../testdata/sessions"

// The sides of a session, as transcripts call them.
const (
	fromSender   = "sender"
	fromReceiver = "receiver"
)

// session is a delivery as it went, or goes, between two proven sides.
type session struct {
	name    string // of its file, less the ending
	about   string
	follows string // the session that left what the receiver has
	only    string // the side that it can be played to; empty: both
	root    string // the item at the top of which the contents are sent, and not itself
	flags   uint32 // of the offer, and granted
	items   []item
	held    []item // what the receiver has before, to be overwritten
	frames  []frame
}

// item is something that the sender has.
type item struct {
	path   string // slash path below the folder of the sources
	kind   framing.EntryKind
	mode   uint32
	sec    int64
	length int // of a file; byte i of its content is (i + seed) mod 251
	seed   int
	target string // of a symbolic link; of a hard link the path of what it is a name of
	fault  uint64 // the code that the sender gives it up with; 0: it is delivered
}

// content returns bytes of a file's content.
func (i item) content(from, n int) []byte {
	b := make([]byte, n)
	for k := range b {
		b[k] = byte((from + k + i.seed) % 251)
	}
	return b
}

// frame is one frame of a session.
type frame struct {
	from   string // fromSender or fromReceiver
	stream int
	typ    framing.Type
	body   []byte
}

// load reads a transcript.
func load(t testing.TB, name string) *session {
	t.Helper()
	path := filepath.Join(sessions, name+".txt")
	stanzas, err := vector.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{name: name}
	for i := range stanzas {
		if err := s.take(&stanzas[i]); err != nil {
			t.Fatalf("%s: stanza %d: %v", path, i, err)
		}
	}
	return s
}

func (s *session) take(v *vector.Stanza) (err error) {
	switch {
	case v.Has("session"):
		s.about, err = v.Text("session")
		s.follows, _ = v.Text("follows")
		s.only, _ = v.Text("only")
		s.root, _ = v.Text("root")
		if flags, err := v.Number("flags"); err == nil {
			s.flags = uint32(flags)
		}
	case v.Has("item"):
		err = takeItem(v, "item", &s.items)
	case v.Has("held"):
		err = takeItem(v, "held", &s.held)
	default:
		err = s.takeFrame(v)
	}
	return err
}

// kinds are the items that a transcript can have.
var kinds = map[string]framing.EntryKind{
	"file": framing.KindFile, "folder": framing.KindFolder, "symlink": framing.KindSymlink, "hard link": framing.KindHardLink,
}

func takeItem(v *vector.Stanza, key string, to *[]item) error {
	var it item
	it.path, _ = v.Text(key)
	kind, _ := v.Text("kind")
	it.kind = kinds[kind]
	it.target, _ = v.Text("target")
	if mode, err := v.Text("mode"); err == nil {
		m, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			return err
		}
		it.mode = uint32(m)
	}
	for key, set := range map[string]func(uint64){
		"seconds": func(n uint64) { it.sec = int64(n) },
		"length":  func(n uint64) { it.length = int(n) },
		"seed":    func(n uint64) { it.seed = int(n) },
		"fault":   func(n uint64) { it.fault = n },
	} {
		if !v.Has(key) {
			continue
		}
		n, err := v.Number(key)
		if err != nil {
			return err
		}
		set(n)
	}
	*to = append(*to, it)
	return nil
}

func (s *session) takeFrame(v *vector.Stanza) error {
	var f frame
	var err error
	if f.from, err = v.Text("from"); err != nil {
		return err
	}
	n, err := v.Number("stream")
	if err != nil {
		return err
	}
	f.stream = int(n)
	whole, err := v.Bytes("hex")
	if err != nil {
		return err
	}
	if v.Has("content") {
		more, err := s.contentOf(v)
		if err != nil {
			return err
		}
		whole = append(whole, more...)
	}
	r := framing.NewReader(bytes.NewReader(whole))
	if f.typ, _, err = r.Next(); err != nil {
		return err
	}
	body, err := r.Body()
	f.body = bytes.Clone(body)
	s.frames = append(s.frames, f)
	return err
}

// contentOf reads "offset length path": the rest of the frame is these bytes of that item.
func (s *session) contentOf(v *vector.Stanza) ([]byte, error) {
	text, err := v.Text("content")
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(text, " ", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("content %q", text)
	}
	from, err := strconv.Atoi(parts[0])
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil, err
	}
	for _, it := range s.items {
		if it.path == parts[2] {
			return it.content(from, n), nil
		}
	}
	return nil, fmt.Errorf("content of %q, which is no item", parts[2])
}

// write makes the transcript a file.
func (s *session) write(comment string) error {
	var all []vector.Stanza
	var head vector.Stanza
	head.Add("session", s.about)
	if s.follows != "" {
		head.Add("follows", s.follows)
	}
	if s.only != "" {
		head.Add("only", s.only)
	}
	if s.root != "" {
		head.Add("root", s.root)
	}
	if s.flags != 0 {
		head.AddNumber("flags", uint64(s.flags))
	}
	all = append(all, head)
	for _, it := range s.items {
		all = append(all, it.stanza("item"))
	}
	for _, it := range s.held {
		all = append(all, it.stanza("held"))
	}
	for _, f := range s.frames {
		v, err := s.frameStanza(f)
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	return vector.Write(filepath.Join(sessions, s.name+".txt"), comment, all)
}

func (i item) stanza(key string) (v vector.Stanza) {
	v.Add(key, i.path)
	for name, kind := range kinds {
		if kind == i.kind {
			v.Add("kind", name)
		}
	}
	if i.target != "" {
		v.Add("target", i.target)
		return v
	}
	v.Add("mode", fmt.Sprintf("%04o", i.mode))
	v.AddNumber("seconds", uint64(i.sec))
	if i.kind == framing.KindFile {
		v.AddNumber("length", uint64(i.length))
		v.AddNumber("seed", uint64(i.seed))
	}
	if i.fault != 0 {
		v.AddNumber("fault", i.fault)
	}
	return v
}

// inlined is how many bytes of content stand in a transcript as they are.
const inlined = 64

func (s *session) frameStanza(f frame) (v vector.Stanza, err error) {
	var whole bytes.Buffer
	if err := framing.NewWriter(&whole).WriteFrame(f.typ, f.body); err != nil {
		return v, err
	}
	v.Add("from", f.from)
	v.AddNumber("stream", uint64(f.stream))
	v.Add("frame", describe(f))
	digits := whole.Bytes()
	if f.typ == framing.TypeData {
		h, payload, err := dataOf(f.body)
		if err != nil {
			return v, err
		}
		if len(payload) > inlined {
			for _, it := range s.items {
				if int(h.Offset)+len(payload) <= it.length && bytes.Equal(it.content(int(h.Offset), len(payload)), payload) {
					v.AddBytes("hex", digits[:len(digits)-len(payload)])
					v.Add("content", fmt.Sprintf("%d %d %s", h.Offset, len(payload), it.path))
					return v, nil
				}
			}
		}
	}
	v.AddBytes("hex", digits)
	return v, nil
}

// dataOf divides the body of a DATA frame.
func dataOf(body []byte) (h framing.DataHeader, payload []byte, err error) {
	var whole bytes.Buffer
	if err := framing.NewWriter(&whole).WriteFrame(framing.TypeData, body); err != nil {
		return h, nil, err
	}
	r := framing.NewReader(&whole)
	if _, _, err := r.Next(); err != nil {
		return h, nil, err
	}
	h, n, err := framing.ReadDataHeader(r, make([]byte, 52))
	if err != nil {
		return h, nil, err
	}
	return h, body[len(body)-n:], nil
}
