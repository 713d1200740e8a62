package lan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"ferry/framing"
)

const (
	// mostBytes bounds a packet. Ours have half of that.
	mostBytes = 512
	// lifetime is how long others may keep a record: it is of no use to anybody else.
	lifetime = 1

	service = "._ferry._tcp.local."
	domain  = ".local."
	version = "v=1"
)

// The flags.
const (
	flagCall     = 1 << iota // a question: dial back, the first try went unanswered
	flagSearches             // who says this searches as well
	flagsKnown   = flagCall | flagSearches
)

// message is a question or an answer.
type message struct {
	answer   bool
	nonce    [8]byte
	tag      [8]byte
	role     framing.Role // of who says it
	port     uint16
	instance [8]byte // zero: does not listen
	flags    uint8
}

// tagOf is what a question and its answers have of a room.
func tagOf(nonce [8]byte, room string) (tag [8]byte) {
	h := sha256.New()
	h.Write([]byte("ferry find 1"))
	h.Write(nonce[:])
	h.Write([]byte(room))
	copy(tag[:], h.Sum(nil))
	return tag
}

func (m *message) name() string {
	return hex.EncodeToString(m.nonce[:]) + "-" + hex.EncodeToString(m.tag[:]) + service
}

func (m *message) texts() []string {
	return []string{
		version, "r=" + strconv.Itoa(int(m.role)), "p=" + strconv.Itoa(int(m.port)),
		"i=" + hex.EncodeToString(m.instance[:]), "f=" + strconv.Itoa(int(m.flags)),
	}
}

// append writes the message as the only form that parse takes.
func (m *message) append(to []byte) ([]byte, error) {
	name, err := dnsmessage.NewName(m.name())
	if err != nil {
		return nil, err
	}
	target, err := dnsmessage.NewName(hex.EncodeToString(m.instance[:]) + domain)
	if err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(to, dnsmessage.Header{Response: m.answer, Authoritative: m.answer})
	b.EnableCompression()
	head := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: lifetime}
	if m.answer {
		err = errors.Join(b.StartAnswers(), b.SRVResource(head, dnsmessage.SRVResource{Port: m.port, Target: target}))
	} else {
		err = errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{Name: name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET}))
	}
	err = errors.Join(err, b.StartAdditionals(), b.TXTResource(head, dnsmessage.TXTResource{TXT: m.texts()}))
	if err != nil {
		return nil, err
	}
	return b.Finish()
}

var errForeign = errors.New("not a packet of ours")

// parse reads a packet. What is not exactly as append writes it is foreign.
func parse(raw []byte) (*message, error) {
	if len(raw) > mostBytes {
		return nil, errForeign
	}
	var p dnsmessage.Parser
	head, err := p.Start(raw)
	if err != nil {
		return nil, errForeign
	}
	m := &message{answer: head.Response}
	name, err := m.head(&p)
	if err != nil || !m.named(name) {
		return nil, errForeign
	}
	if err := errors.Join(p.SkipAllQuestions(), p.SkipAllAnswers(), p.SkipAllAuthorities()); err != nil {
		return nil, errForeign
	}
	if h, err := p.AdditionalHeader(); err != nil || h.Type != dnsmessage.TypeTXT {
		return nil, errForeign
	}
	txt, err := p.TXTResource()
	if err != nil || !m.told(txt.TXT) {
		return nil, errForeign
	}
	if again, err := m.append(nil); err != nil || !bytes.Equal(again, raw) {
		return nil, errForeign
	}
	return m, nil
}

// head reads the name that is asked for, or answered.
func (m *message) head(p *dnsmessage.Parser) (string, error) {
	if !m.answer {
		q, err := p.Question()
		return q.Name.String(), err
	}
	if err := p.SkipAllQuestions(); err != nil {
		return "", err
	}
	h, err := p.AnswerHeader()
	if err == nil && h.Type == dnsmessage.TypeSRV {
		_, err = p.SRVResource()
	}
	return h.Name.String(), err
}

func (m *message) named(name string) bool {
	label, ok := strings.CutSuffix(name, service)
	nonce, tag, cut := strings.Cut(label, "-")
	return ok && cut && unhex(&m.nonce, nonce) && unhex(&m.tag, tag)
}

// told reads the TXT record.
func (m *message) told(texts []string) bool {
	if len(texts) != 5 || texts[0] != version {
		return false
	}
	var value [5]string
	for i, key := range []string{"v=", "r=", "p=", "i=", "f="} {
		var ok bool
		if value[i], ok = strings.CutPrefix(texts[i], key); !ok {
			return false
		}
	}
	role, err1 := strconv.ParseUint(value[1], 10, 8)
	port, err2 := strconv.ParseUint(value[2], 10, 16)
	flags, err3 := strconv.ParseUint(value[4], 10, 8)
	m.role, m.port, m.flags = framing.Role(role), uint16(port), uint8(flags)
	return errors.Join(err1, err2, err3) == nil && unhex(&m.instance, value[3]) && flags&^flagsKnown == 0 &&
		(m.role == framing.RoleSender || m.role == framing.RoleReceiver)
}

func unhex(to *[8]byte, text string) bool {
	if len(text) != hex.EncodedLen(len(to)) {
		return false
	}
	_, err := hex.Decode(to[:], []byte(text))
	return err == nil
}
