package conform

import (
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"strings"

	"ferry/framing"
)

// describe is a frame in words, for whoever reads a transcript.
func describe(f frame) string { return f.typ.String() + " " + fields(f.typ, f.body) }

func fields(t framing.Type, body []byte) string {
	switch t {
	case framing.TypeHello:
		return one(framing.ParseHello(body))
	case framing.TypeOffer:
		return one(framing.ParseOffer(body))
	case framing.TypeAccept:
		return one(framing.ParseAccept(body))
	case framing.TypeCredit:
		return one(framing.ParseCredit(body))
	case framing.TypeEnd:
		return one(framing.ParseEnd(body))
	case framing.TypeReceipt:
		return one(framing.ParseReceipt(body))
	case framing.TypeBye:
		return one(framing.ParseBye(body))
	case framing.TypeFault:
		return one(framing.ParseFault(body))
	case framing.TypeChecked:
		return one(framing.ParseChecked(body))
	case framing.TypeLimit:
		return one(framing.ParseLimited(body))
	case framing.TypeWarn:
		return every(framing.ParseWarns(body))
	case framing.TypeChanged:
		return one(framing.ParseChanged(body))
	case framing.TypeEntry:
		return every(framing.ParseEntries(body))
	case framing.TypeWant:
		return every(framing.ParseWants(body))
	case framing.TypeDone:
		return every(framing.ParseDones(body))
	case framing.TypeFileEnd:
		return every(framing.ParseFileEnds(body))
	case framing.TypePack:
		return every(framing.ParsePack(body))
	case framing.TypeData:
		h, payload, err := dataOf(body)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s payload %d bytes", one(h, nil), len(payload))
	}
	return fmt.Sprintf("%x", body)
}

func one(m any, err error) string {
	if err != nil {
		return err.Error()
	}
	return value(m, briefly)
}

func every[T any](records iter.Seq2[T, error]) string {
	var all []string
	for m, err := range records {
		all = append(all, one(m, err))
	}
	return strings.Join(all, " ")
}

// briefly bounds the bytes of one field that describe prints.
const briefly = 160

// value prints the fields of a message that are not zero: names as text, other bytes
// in hexadecimal. Of more than most bytes it prints the number; 0 is no bound.
func value(m any, most int) string {
	v := reflect.ValueOf(m)
	switch v.Kind() {
	case reflect.Pointer:
		return value(v.Elem().Interface(), most)
	case reflect.Struct:
		var all []string
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				all = append(all, v.Type().Field(i).Name+":"+value(f.Interface(), most))
			}
		}
		return "{" + strings.Join(all, " ") + "}"
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			var all []string
			for i := range v.Len() {
				all = append(all, value(v.Index(i).Interface(), most))
			}
			return "[" + strings.Join(all, " ") + "]"
		}
		if most > 0 && v.Len() > most {
			return fmt.Sprintf("(%d bytes)", v.Len())
		}
		if text := fmt.Sprintf("%s", m); v.Kind() == reflect.Slice && v.Len() < framing.DigestSize && isPlain(text) {
			return strconv.Quote(text)
		}
		return fmt.Sprintf("%x", m)
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatUint(v.Uint(), 10)
}

func isPlain(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
