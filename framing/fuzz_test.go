package framing

import (
	"bytes"
	"testing"
)

// The property of all of these is checkBody's: refused with an *Error, or
// appended as it came. Seeds are the good vectors, whole and damaged.

func FuzzHello(f *testing.F)     { fuzzBody(f, TypeHello) }
func FuzzProof(f *testing.F)     { fuzzBody(f, TypeProof) }
func FuzzRefuse(f *testing.F)    { fuzzBody(f, TypeRefuse) }
func FuzzOffer(f *testing.F)     { fuzzBody(f, TypeOffer) }
func FuzzAccept(f *testing.F)    { fuzzBody(f, TypeAccept) }
func FuzzDecline(f *testing.F)   { fuzzBody(f, TypeDecline) }
func FuzzEntry(f *testing.F)     { fuzzBody(f, TypeEntry) }
func FuzzChecked(f *testing.F)   { fuzzBody(f, TypeChecked) }
func FuzzWant(f *testing.F)      { fuzzBody(f, TypeWant) }
func FuzzData(f *testing.F)      { fuzzBody(f, TypeData) }
func FuzzPack(f *testing.F)      { fuzzBody(f, TypePack) }
func FuzzPackZ(f *testing.F)     { fuzzBody(f, TypePackZ) }
func FuzzLimit(f *testing.F)     { fuzzBody(f, TypeLimit) }
func FuzzStreams(f *testing.F)   { fuzzBody(f, TypeStreams) }
func FuzzFileEnd(f *testing.F)   { fuzzBody(f, TypeFileEnd) }
func FuzzChanged(f *testing.F)   { fuzzBody(f, TypeChanged) }
func FuzzResume(f *testing.F)    { fuzzBody(f, TypeResume) }
func FuzzAck(f *testing.F)       { fuzzBody(f, TypeAck) }
func FuzzWarn(f *testing.F)      { fuzzBody(f, TypeWarn) }
func FuzzCredit(f *testing.F)    { fuzzBody(f, TypeCredit) }
func FuzzDone(f *testing.F)      { fuzzBody(f, TypeDone) }
func FuzzFault(f *testing.F)     { fuzzBody(f, TypeFault) }
func FuzzEnd(f *testing.F)       { fuzzBody(f, TypeEnd) }
func FuzzReceipt(f *testing.F)   { fuzzBody(f, TypeReceipt) }
func FuzzBye(f *testing.F)       { fuzzBody(f, TypeBye) }
func FuzzRequest(f *testing.F)   { fuzzBody(f, TypeRequest) }
func FuzzAsk(f *testing.F)       { fuzzBody(f, TypeAsk) }
func FuzzListing(f *testing.F)   { fuzzBody(f, TypeListing) }
func FuzzRemark(f *testing.F)    { fuzzBody(f, TypeRemark) }
func FuzzHeartbeat(f *testing.F) { fuzzBody(f, TypeHeartbeat) }
func FuzzPieces(f *testing.F)    { fuzzBody(f, TypePieces) }
func FuzzKeyProof(f *testing.F)  { fuzzBody(f, TypeKeyProof) }
func FuzzPlace(f *testing.F)     { fuzzBody(f, TypePlace) }
func FuzzPaths(f *testing.F)     { fuzzBody(f, TypePaths) }
func FuzzPunch(f *testing.F)     { fuzzBody(f, TypePunch) }

func FuzzRHello(f *testing.F)  { fuzzBody(f, TypeRHello) }
func FuzzAuth(f *testing.F)    { fuzzBody(f, TypeAuth) }
func FuzzClaim(f *testing.F)   { fuzzBody(f, TypeClaim) }
func FuzzClaimed(f *testing.F) { fuzzBody(f, TypeClaimed) }
func FuzzSeek(f *testing.F)    { fuzzBody(f, TypeSeek) }
func FuzzWait(f *testing.F)    { fuzzBody(f, TypeWait) }
func FuzzKnock(f *testing.F)   { fuzzBody(f, TypeKnock) }
func FuzzJoin(f *testing.F)    { fuzzBody(f, TypeJoin) }
func FuzzOK(f *testing.F)      { fuzzBody(f, TypeOK) }
func FuzzNo(f *testing.F)      { fuzzBody(f, TypeNo) }
func FuzzPing(f *testing.F)    { fuzzBody(f, TypePing) }
func FuzzPong(f *testing.F)    { fuzzBody(f, TypePong) }
func FuzzLeave(f *testing.F)   { fuzzBody(f, TypeLeave) }

func fuzzBody(f *testing.F, typ Type) {
	seeds := goodBodies(f)[typ]
	if len(seeds) == 0 {
		f.Fatalf("no seeds for %v", typ)
	}
	for _, body := range seeds {
		_, again, err := codecs[typ](body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(again)
		f.Add(append(again, 0))
		f.Add(again[:len(again)-1])
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkBody(t, typ, body) })
}

// FuzzReader: what a Reader and the parsers take from a stream of frames is
// written back as the same bytes, up to the first error.
func FuzzReader(f *testing.F) {
	stream, _, _ := someFrames(f)
	f.Add(stream)
	f.Add([]byte{0, 0, 0, 1, byte(TypePad)})
	for _, v := range loadVectors(f) {
		if len(v.frame) < 4096 {
			f.Add(append(bytes.Clone(v.frame), stream...))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		w := NewWriter(&out)
		r := NewReader(bytes.NewReader(in))
		for {
			typ, n, err := r.Next()
			if err != nil {
				break
			}
			if n > Limit(typ) {
				t.Fatalf("%v of %d bytes passed", typ, n)
			}
			body, err := r.Body()
			if err != nil || len(body) != n {
				break
			}
			if _, ok := checkBody(t, typ, body); !ok {
				break
			}
			if typ == TypePad && n == 0 {
				break // whoever reads skips its body, and no Writer has an empty one
			}
			if err := w.WriteFrame(typ, body); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(in, out.Bytes()) {
			t.Fatalf("read %x, wrote %x", in, out.Bytes())
		}
	})
}
