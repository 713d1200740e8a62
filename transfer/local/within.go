package local

import (
	"ferry/framing"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/link"
)

// beside is an end of a link within this process, beside which content is handed over.
type beside struct {
	*link.Link
	passage *parcel.Passage // of both ends
}

// Passage is where parcel.Of looks.
func (b beside) Passage() *parcel.Passage { return b.passage }

// within makes both ends of a link in this process. Nothing is compressed.
func within() (sender, receiver beside, err error) {
	caps := framing.CapWide | framing.CapNames | framing.CapStored
	from, to, err := link.Within(link.Config{Role: link.Sender, Capabilities: caps}, link.Config{Role: link.Receiver, Capabilities: caps})
	if err != nil {
		return sender, receiver, err
	}
	p := new(parcel.Passage)
	return beside{from, p}, beside{to, p}, nil
}
