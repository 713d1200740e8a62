package conform

import (
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
)

// ledgerOf takes frames of one side in.
func ledgerOf(frames ...frame) *ledger {
	l := newLedger()
	for _, f := range frames {
		l.add(f)
	}
	return l
}

func doneFrame(ids ...uint64) frame {
	var body []byte
	for _, id := range ids {
		d := framing.Done{ID: id, Status: framing.DoneDelivered}
		body = d.Append(body)
	}
	return frame{typ: framing.TypeDone, body: body}
}

func faultFrame(code framing.Code, text string) frame {
	f := framing.Fault{ID: 1, Code: code, Message: text}
	return frame{typ: framing.TypeFault, body: f.Append(nil)}
}

func creditFrame(n uint32) frame {
	c := framing.Credit{Bytes: n}
	return frame{typ: framing.TypeCredit, body: c.Append(nil)}
}

// dataFrames are a chunk of entry 1 in pieces of n bytes.
func dataFrames(content []byte, index uint64, n int) (all []frame) {
	for from := 0; from < len(content); from += n {
		piece := content[from:min(from+n, len(content))]
		h := framing.DataHeader{ID: 1, Offset: index*checksum.ChunkSize + uint64(from)}
		if from+len(piece) == len(content) {
			h.Flags, h.Check = framing.DataLast, checksum.NewNode(content, index).CV()
		}
		all = append(all, frame{typ: framing.TypeData, body: append(framing.AppendDataHeader(nil, &h), piece...)})
	}
	return all
}

// What means the same is equal, however it is cut.
func TestLedgerEqual(t *testing.T) {
	content := item{length: 5000, seed: 3}.content(0, 5000)
	for name, pair := range map[string][2]*ledger{
		"batches":                 {ledgerOf(doneFrame(1, 2), doneFrame(3)), ledgerOf(doneFrame(1), doneFrame(2, 3))},
		"entries in any order":    {ledgerOf(doneFrame(2), doneFrame(1)), ledgerOf(doneFrame(1, 2))},
		"pieces":                  {ledgerOf(dataFrames(content, 1, 700)...), ledgerOf(dataFrames(content, 1, 5000)...)},
		"credit in other steps":   {ledgerOf(creditFrame(5<<20), creditFrame(3<<20)), ledgerOf(creditFrame(8 << 20))},
		"credit, a step behind":   {ledgerOf(creditFrame(8 << 20)), ledgerOf(creditFrame(9<<20 - 1))},
		"the text of a fault":     {ledgerOf(faultFrame(2, "it changed")), ledgerOf(faultFrame(2, ""))},
		"more credit than it was": {ledgerOf(creditFrame(12 << 20)), ledgerOf(creditFrame(8 << 20))},
	} {
		if faults := pair[0].differs(pair[1], false); len(faults) > 0 {
			t.Errorf("%s: %s", name, strings.Join(faults, "\n"))
		}
	}
}

// What means something else is not.
func TestLedgerDiffers(t *testing.T) {
	content := item{length: 5000, seed: 3}.content(0, 5000)
	other := item{length: 5000, seed: 4}.content(0, 5000)
	for name, pair := range map[string][2]*ledger{
		"a record less":       {ledgerOf(doneFrame(1)), ledgerOf(doneFrame(1, 2))},
		"a record more":       {ledgerOf(doneFrame(1, 2)), ledgerOf(doneFrame(1))},
		"a record twice":      {ledgerOf(doneFrame(1, 1)), ledgerOf(doneFrame(1))},
		"another fault":       {ledgerOf(faultFrame(2, "")), ledgerOf(faultFrame(7, ""))},
		"a fault for a done":  {ledgerOf(faultFrame(2, "")), ledgerOf(doneFrame(1))},
		"content":             {ledgerOf(dataFrames(other, 1, 700)...), ledgerOf(dataFrames(content, 1, 700)...)},
		"another chunk":       {ledgerOf(dataFrames(content, 2, 700)...), ledgerOf(dataFrames(content, 1, 700)...)},
		"chunks out of order": {ledgerOf(append(dataFrames(content, 2, 700), dataFrames(content, 1, 700)...)...), ledgerOf(append(dataFrames(content, 1, 700), dataFrames(content, 2, 700)...)...)},
		"a piece missing":     {ledgerOf(dataFrames(content, 1, 700)[1:]...), ledgerOf(dataFrames(content, 1, 700)...)},
		"credit":              {ledgerOf(creditFrame(8 << 20)), ledgerOf(creditFrame(9 << 20))},
	} {
		if faults := pair[0].differs(pair[1], false); len(faults) == 0 {
			t.Errorf("%s: nothing was noticed", name)
		}
	}
	if faults := ledgerOf(doneFrame(1, 2)).differs(ledgerOf(doneFrame(1)), true); len(faults) > 0 {
		t.Errorf("a part: %s", strings.Join(faults, "\n"))
	}
}
