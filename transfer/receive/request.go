package receive

import (
	"bytes"
	"context"
	"errors"
	"path"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// Fetch is Receive of what this side asks the sender for: see send.Serve.
func Fetch(ctx context.Context, l interface {
	transfer.Streams
	transfer.Liveness
	transfer.Ending
}, ask Request, o Options) (transfer.Result, error) {
	return run(ctx, transfer.Link{Streams: l, Liveness: l, Ending: l}, &ask, &o)
}

// Request is what the sender is asked for, before it offers anything. Both links have to
// offer framing.CapRequest. What the sender offers has to be covered by it.
type Request struct {
	// Paths are read by the sender as on its own command line, bytes as a person wrote them:
	// "d" is the item, and "d/", "." and ".." are what is in the folder. At least one, none
	// empty or longer than framing.MaxPath.
	Paths            []string
	DryRun, Checksum bool
	Metadata         tree.Metadata // wished for
}

// errNoRequests: the sender's link has no framing.CapRequest.
var errNoRequests = errors.New("ferry has to be updated at the sender, which only sends what it is told there")

// send sends REQUEST.
func (r *Request) send(l transfer.Link) error {
	if _, caps, _ := l.Peer(); caps&framing.CapRequest == 0 {
		return &transfer.Error{Op: "asking for a delivery:", Code: framing.CodeVersion, Err: errNoRequests}
	}
	m := framing.Request{Flags: wire.Flags(r.Metadata)}
	if r.DryRun {
		m.Flags |= framing.FlagDryRun
	}
	if r.Checksum {
		m.Flags |= framing.FlagChecksum
	}
	for _, p := range r.Paths {
		if len(p) == 0 || len(p) > framing.MaxPath {
			return &transfer.Error{Op: "asking for a delivery:", Code: framing.CodeName, Err: errPath}
		}
		m.Paths = append(m.Paths, []byte(p))
	}
	body := m.Append(nil)
	if len(m.Paths) == 0 || len(body) > framing.Limit(framing.TypeRequest) {
		return &transfer.Error{Op: "asking for a delivery:", Code: framing.CodeName, Err: errPath}
	}
	return failure.Link("asking for a delivery", l.Stream(0).Send(true, framing.TypeRequest, body))
}

var errPath = errors.New("a path is empty, or they are too long for one request (4096 bytes each, 64 KiB together)")

// covered counts what a request asks for at the top: under which names, and as what is in a
// folder. It only gets less. The planner has it, once the offer is accepted.
type covered struct {
	names map[string]int
	roots int
}

// covers is what r asks for; nil, which covers all, for no request.
func (r *Request) covers() *covered {
	if r == nil {
		return nil
	}
	c := &covered{names: make(map[string]int)}
	for _, p := range r.Paths {
		base := path.Base(p)
		if p[len(p)-1] == '/' || base == "." || base == ".." {
			c.roots++
		} else {
			c.names[base]++
		}
	}
	return c
}

// take returns an error if no path, or no further one, asks for such an item.
func (c *covered) take(name string, root bool) error {
	switch {
	case c == nil:
		return nil
	case root:
		if c.roots--; c.roots < 0 {
			return failure.Violation("what is in a folder comes, which was not asked for")
		}
	default:
		if c.names[name]--; c.names[name] < 0 {
			return failure.Violation("%q comes, which was not asked for", name)
		}
	}
	return nil
}

// check holds what an offer lists against r.
func (r *Request) check(o *framing.Offer) error {
	if r == nil {
		return nil
	}
	if o.Items > uint64(len(r.Paths)) {
		return failure.Violation("%d items are offered, asked for were %d", o.Items, len(r.Paths))
	}
	c := r.covers()
	for _, it := range o.Listed {
		if err := c.take(string(bytes.Clone(it.Name)), it.Kind == framing.KindRoot); err != nil {
			return err
		}
	}
	return nil
}

// byDigest tells whether files are compared by digest at the word of this side.
func (r *Request) byDigest() bool { return r != nil && r.Checksum }
