package framing

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

// codec runs one message both ways: it parses a body, and appends what was
// parsed. Value is the message; of a batch, the records.
type codec func(body []byte) (value any, again []byte, err error)

// codecs is every decoder there is, so that no test can forget one. PAD has none: it
// is reserved, and skipped.
var codecs = map[Type]codec{
	TypeHello:     single(ParseHello, (*Hello).Append),
	TypeProof:     single(ParseProof, (*Proof).Append),
	TypeRefuse:    single(ParseRefuse, (*Refuse).Append),
	TypeOffer:     single(ParseOffer, (*Offer).Append),
	TypeAccept:    single(ParseAccept, (*Accept).Append),
	TypeDecline:   single(ParseDecline, (*Decline).Append),
	TypeEntry:     entryCodec,
	TypeChecked:   single(ParseChecked, (*Checked).Append),
	TypeWant:      batch(ParseWants, (*Want).Append),
	TypeData:      dataCodec,
	TypePack:      batch(ParsePack, appendPacked),
	TypePackZ:     packZCodec,
	TypeLimit:     single(ParseLimited, (*Limited).Append),
	TypeStreams:   single(ParseStreams, (*Streams).Append),
	TypeFileEnd:   batch(ParseFileEnds, (*FileEnd).Append),
	TypeChanged:   single(ParseChanged, (*Changed).Append),
	TypeResume:    single(ParseResume, (*Resume).Append),
	TypeAck:       single(ParseAck, (*Ack).Append),
	TypeWarn:      batch(ParseWarns, (*Warn).Append),
	TypeCredit:    single(ParseCredit, (*Credit).Append),
	TypeDone:      batch(ParseDones, (*Done).Append),
	TypeFault:     single(ParseFault, (*Fault).Append),
	TypeEnd:       single(ParseEnd, (*End).Append),
	TypeReceipt:   single(ParseReceipt, (*Receipt).Append),
	TypeBye:       single(ParseBye, (*Bye).Append),
	TypeRequest:   single(ParseRequest, (*Request).Append),
	TypeAsk:       single(ParseAsk, (*Ask).Append),
	TypeListing:   single(ParseListing, (*Listing).Append),
	TypeRemark:    batch(ParseRemarks, (*Remark).Append),
	TypeHeartbeat: single(ParseHeartbeat, (*Heartbeat).Append),
	TypePieces:    single(ParsePieces, (*Pieces).Append),
	TypeKeyProof:  single(ParseKeyProof, (*KeyProof).Append),
	TypePlace:     single(ParsePlace, (*Place).Append),
	TypePaths:     pathsCodec,
	TypePunch:     single(ParsePunch, (*Punch).Append),

	TypeRHello:  single(ParseRHello, (*RHello).Append),
	TypeAuth:    single(ParseAuth, (*Auth).Append),
	TypeClaim:   single(ParseClaim, (*Claim).Append),
	TypeClaimed: single(ParseClaimed, (*Claimed).Append),
	TypeSeek:    single(ParseSeek, (*Seek).Append),
	TypeWait:    single(ParseWait, (*Wait).Append),
	TypeKnock:   single(ParseKnock, (*Knock).Append),
	TypeJoin:    single(ParseJoin, (*Join).Append),
	TypeOK:      single(ParseOK, (*RelayOK).Append),
	TypeNo:      single(ParseNo, (*RelayNo).Append),
	TypePing:    single(ParsePing, (*Ping).Append),
	TypePong:    single(ParsePong, (*Ping).Append),
	TypeLeave:   single(ParseLeave, (*Leave).Append),
}

func single[T any](parse func([]byte) (T, error), add func(*T, []byte) []byte) codec {
	return func(body []byte) (any, []byte, error) {
		m, err := parse(body)
		if err != nil {
			return m, nil, err
		}
		return m, add(&m, nil), nil
	}
}

func batch[T any](parse func([]byte) iter.Seq2[T, error], add func(*T, []byte) []byte) codec {
	return func(body []byte) (any, []byte, error) {
		ms, err := collect(parse(body))
		var again []byte
		for i := range ms {
			again = add(&ms[i], again)
		}
		return ms, again, err
	}
}

func pathsCodec(body []byte) (any, []byte, error) {
	m, err := ParsePaths(body)
	if err != nil {
		return m, nil, err
	}
	again, err := m.Append(nil)
	return m, again, err
}

func appendPacked(m *Packed, b []byte) []byte {
	b, root := AppendPackedHeader(b, m.ID, len(m.Data))
	copy(b[root:], m.Root[:])
	return append(b, m.Data...)
}

// packZValue is the body of a PACKZ.
type packZValue struct{ Frame []byte }

func packZCodec(body []byte) (any, []byte, error) {
	if _, err := ParsePackZ(body); err != nil {
		return packZValue{}, nil, err
	}
	return packZValue{body}, bytes.Clone(body), nil
}

func entryCodec(body []byte) (any, []byte, error) {
	es, err := collect(ParseEntries(body))
	if err != nil {
		return es, nil, err
	}
	// The header's number is that of the first record which takes one. Folder
	// ends alone leave it open, so it is read back from the body.
	first, _, _ := uvarint(body)
	for _, e := range es {
		if e.Kind != KindFolderEnd {
			first = e.ID
			break
		}
	}
	again := AppendEntryHeader(nil, first)
	for i := range es {
		again = es[i].Append(again)
	}
	return es, again, nil
}

// bodyReader reads a body that is in memory, as a Reader does from a connection.
type bodyReader struct{ left []byte }

func (r *bodyReader) Remaining() int { return len(r.left) }

func (r *bodyReader) ReadFull(p []byte) error {
	if len(p) > len(r.left) {
		return &Error{Type: TypeData, Code: CodeProtocol, Err: errShort}
	}
	r.left = r.left[copy(p, r.left):]
	return nil
}

// dataValue is a DATA frame with its payload.
type dataValue struct {
	Header  DataHeader
	Payload []byte
}

func dataCodec(body []byte) (any, []byte, error) {
	r := &bodyReader{body}
	h, n, err := ReadDataHeader(r, make([]byte, dataFull))
	if err != nil {
		return nil, nil, err
	}
	payload := r.left[:n:n]
	if h.Encoding == EncodingZeros {
		zeros, err := ParseZeros(payload)
		if err != nil {
			return nil, nil, err
		}
		payload = AppendZeros(nil, zeros)
	}
	return dataValue{h, payload}, append(AppendDataHeader(nil, &h), payload...), nil
}

// collect also checks the promise that an error comes last, and once.
func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, e := range seq {
		if err != nil {
			return nil, errors.New("the iteration went on after an error")
		}
		if e != nil {
			err = e
			continue
		}
		all = append(all, v)
	}
	return all, err
}

// dump prints a value as the vectors do: numbers in decimal, bytes in
// hexadecimal, "-" for none, strings quoted.
func dump(v any) string {
	if d, ok := v.(dataValue); ok {
		return dump(d.Header) + " " + dump(d.Payload)
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return "-"
		}
		return dump(rv.Elem().Interface())
	case reflect.Struct:
		var fields []string
		for i := range rv.NumField() {
			fields = append(fields, rv.Type().Field(i).Name+":"+dump(rv.Field(i).Interface()))
		}
		return "{" + strings.Join(fields, " ") + "}"
	case reflect.Slice, reflect.Array:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			if rv.Len() == 0 {
				return "-"
			}
			return fmt.Sprintf("%x", v)
		}
		var items []string
		for i := range rv.Len() {
			items = append(items, dump(rv.Index(i).Interface()))
		}
		return "[" + strings.Join(items, " ") + "]"
	case reflect.String:
		return fmt.Sprintf("%q", v)
	case reflect.Bool:
		return fmt.Sprint(rv.Bool())
	case reflect.Int64:
		return fmt.Sprint(rv.Int())
	}
	return fmt.Sprint(rv.Uint())
}
