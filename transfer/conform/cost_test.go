//go:build unix

package conform

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"ferry/checksum"
	"ferry/framing"
	"ferry/framing/vector"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// costVectors are those that PROTOCOL.md, section 10, describes: what the content of a
// file costs of the credit.
const costVectors = "../../testdata/credit/cost.txt"

// priced is a file, and the frames that its content takes, by the bodies of them.
type priced struct {
	name   string
	length int
	typ    framing.Type
	bodies []int
	cost   int
}

// The lengths lie about those at which a body has 4096 bytes, and a chunk two pieces.
var prices = []priced{
	{"an empty file", 0, framing.TypePack, []int{34}, 4096},
	{"one byte", 1, framing.TypePack, []int{35}, 4096},
	{"a body of 4095 bytes", 4060, framing.TypePack, []int{4095}, 4096},
	{"a body of 4096 bytes", 4061, framing.TypePack, []int{4096}, 4096},
	{"a body of 4097 bytes", 4062, framing.TypePack, []int{4097}, 4097},
	{"the most that ferry packs", 64 << 10, framing.TypePack, []int{65572}, 65572},
	{"the least that it does not", 64<<10 + 1, framing.TypeData, []int{65589}, 65589},
	{"one piece", pieceBytes, framing.TypeData, []int{pieceBytes + 52}, pieceBytes + 52},
	{"a last piece of one byte", pieceBytes + 1, framing.TypeData, []int{pieceBytes + 20, 53}, pieceBytes + 20 + 4096},
	{"a last piece of 4043 bytes", pieceBytes + 4043, framing.TypeData, []int{pieceBytes + 20, 4095}, pieceBytes + 20 + 4096},
	{"a last piece of 4045 bytes", pieceBytes + 4045, framing.TypeData, []int{pieceBytes + 20, 4097}, pieceBytes + 20 + 4097},
}

func TestCostVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, p := range prices {
		var s vector.Stanza
		s.Add("name", p.name)
		s.AddNumber("length", uint64(p.length))
		s.Add("frames", p.typ.String())
		s.Add("bodies", strings.Trim(fmt.Sprint(p.bodies), "[]"))
		s.AddNumber("cost", uint64(p.cost))
		stanzas = append(stanzas, s)
	}
	vector.Compare(t, costVectors, "The frames of a file's content, as ferry cuts them, and what they cost of the credit.\n", stanzas, *update)
}

// A sender sends a file with the credit that it costs, and not with one byte less.
func TestCostAtSender(t *testing.T) {
	for _, p := range prices {
		src := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			it := item{path: "f", kind: framing.KindFile, mode: 0o600, sec: aWhile, length: p.length}
			lay(t, src, []item{it}, func(path string) string { return path })
			ctx, cancel := context.WithCancel(t.Context())
			b, done := senderOf(t, ctx, send.Options{Streams: 1, Sources: []send.Source{{Source: tree.Source{Path: filepath.Join(src, "f"), Name: "f"}}}})
			said, read := hear(b)
			synctest.Wait() // until the entry is announced
			s := newScript(t, "", "", []item{it})
			s.ids["f"] = 1
			a := framing.Accept{EntryWindow: 256, EntryBytes: 4 << 20, Streams: 1}
			s.say(fromReceiver, framing.TypeAccept, a.Append(nil))
			s.want("f")
			s.credit(uint32(p.cost - 1))
			s.sayAll(b)
			synctest.Wait()
			if content := contents(said, 1); len(content) > 0 {
				t.Errorf("%s: with %d bytes of credit came %s", p.name, p.cost-1, content)
			}
			s.credit(1)
			s.sayAll(b)
			synctest.Wait()
			if content := contents(said, 1); len(content) != 1 {
				t.Errorf("%s: with %d bytes of credit came %q", p.name, p.cost, content)
			}
			cancel()
			<-done
			_ = b.Close()
			<-read
		})
	}
}

// A receiver grants again what a file costs, once that makes a step of its own.
func TestCostAtReceiver(t *testing.T) {
	for _, p := range prices {
		dst := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			folder, err := local.NewFolder(dst, local.FolderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer folder.Close()
			a, done := receiverOf(t, receive.Options{Destination: folder})
			said, read := hear(a)
			items := []item{{path: "d", kind: framing.KindFolder, mode: 0o700, sec: aWhile}}
			n := (creditStep + p.cost - 1) / p.cost // enough: no body is smaller for a larger id
			for i := range n {
				items = append(items, item{path: fmt.Sprintf("d/%d", i), kind: framing.KindFile, mode: 0o600, sec: aWhile, length: p.length, seed: i})
			}
			s := newScript(t, "", "", items)
			s.offer(false)
			s.sayAll(a)
			synctest.Wait()
			s.entries()
			s.sayAll(a)
			synctest.Wait()
			first, cost := said.granting(), 0
			for _, it := range items[1:] {
				s.content(it.path, p.typ)
				for _, f := range s.frames {
					cost += max(len(f.body), 4096)
				}
				s.sayAll(a)
				if cost < creditStep {
					continue
				}
				synctest.Wait()
				if more := said.granting() - first; more != uint64(cost) {
					t.Errorf("%s: granted again were %d, the cost is %d", p.name, more, cost)
				}
				break
			}
			a.Abort(nil)
			_ = a.Close()
			<-read
			<-done
		})
	}
}

// sayAll says the frames of s on l, and takes them off s.
func (s *script) sayAll(l *link.Link) {
	for _, f := range s.frames {
		if err := l.Stream(0).Send(true, f.typ, f.body); err != nil {
			s.t.Fatalf("saying %s: %v", describe(f), err)
		}
	}
	s.frames = nil
}

// content sends the whole of a file of one chunk or less in frames of that type.
func (s *script) content(path string, typ framing.Type) {
	if typ == framing.TypePack {
		s.pack(path)
	} else {
		s.data(path, 0)
	}
}

// contents is what came of the content of an entry.
func contents(l *ledger, id uint64) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[contentOf(id)]
}

// granting is how much credit was granted.
func (l *ledger) granting() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.credit
}

// The frames of the vectors are those that the script makes.
func TestCostBodies(t *testing.T) {
	for _, p := range prices {
		s := newScript(t, "", "", []item{{path: "f", kind: framing.KindFile, length: p.length}})
		s.ids["f"] = 1
		s.content("f", p.typ)
		sum := 0
		var bodies []int
		for _, f := range s.frames {
			bodies = append(bodies, len(f.body))
			sum += max(len(f.body), 4096)
		}
		if fmt.Sprint(bodies) != fmt.Sprint(p.bodies) || sum != p.cost || p.length > checksum.ChunkSize {
			t.Errorf("%s: bodies of %v, cost %d", p.name, bodies, sum)
		}
	}
}
