package send

import (
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
)

// errNoPlace: the receiver's link has no framing.CapPlace.
var errNoPlace = errors.New("the receiver decides itself where what comes is stored, or ferry has to be updated there")

var errPlace = errors.New("the path at the receiver is longer than 4096 bytes")

// sendPlace tells the receiver where all goes, before the offer.
func sendPlace(l transfer.Link, path string) error {
	if path == "" {
		return nil
	}
	if len(path) > framing.MaxPlace {
		return &transfer.Error{Op: "offering:", Code: framing.CodeName, Err: errPlace}
	}
	if _, caps, _ := l.Peer(); caps&framing.CapPlace == 0 {
		return &transfer.Error{Op: "offering:", Code: framing.CodeVersion, Err: errNoPlace}
	}
	m := framing.Place{Path: []byte(path)}
	return failure.Link("naming the place", l.Stream(0).Send(false, framing.TypePlace, m.Append(nil)))
}
