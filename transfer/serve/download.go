package serve

import (
	"context"
	"errors"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/send"
)

// download sends what the peer asks for.
func (v *visit) download(ctx context.Context) (transfer.Result, error) {
	v.path = text(v.own())
	if _, caps, _ := v.link.Peer(); caps&framing.CapRequest == 0 {
		err := v.declined(CauseNotMay, v.noRequest())
		failure.Leave(transfer.Link{Streams: v.link, Liveness: v.link, Ending: v.link}, err)
		return transfer.Result{}, err
	}
	var s *share
	came := v.expects()
	defer came()
	result, err := send.Serve(ctx, v.link, func(ctx context.Context, r send.Request) (send.Options, error) {
		came()
		if !v.grant.Download {
			return send.Options{}, v.declined(CauseNotMay, errNoDownload)
		}
		wishes, err := wishesOf(v.own(), r.Paths)
		if err != nil {
			return send.Options{}, v.declined(CausePath, err)
		}
		paths := make([]string, len(wishes))
		for i, w := range wishes {
			paths[i] = text(w.Path)
		}
		v.path = strings.Join(paths, " ")
		for _, w := range wishes {
			if err := v.server.cfg.Root.Check(w.Path); err != nil {
				return send.Options{}, v.declined(CausePath, err)
			}
		}
		if s, err = v.server.shares.take(ctx, v.server.makeRoom); err != nil {
			return send.Options{}, err
		}
		o := send.Options{
			DryRun: r.DryRun, Checksum: r.Checksum, Compress: v.server.cfg.Compress, Limit: v.limit, Observer: v.watch, Memory: s.memory(),
			// It was asked for: nobody is shown an offer, and who leaves an item out does so himself.
			Unasked: true, OwnSkips: true,
		}
		err = v.server.cfg.Root.Sources(ctx, wishes, &o)
		return o, err
	})
	s.give()
	return result, err
}

// errAsk is told a receiver that waits for what the other side chooses.
var errAsk = errors.New("this is a server, which sends what it is asked for: ferry receive --from ferry://HOST/PATH")

func (v *visit) noRequest() error {
	if !v.grant.Download {
		return errNoDownload
	}
	return errAsk
}

// declined is refused, as the answer to a request.
func (v *visit) declined(cause Cause, why error) error {
	return v.refused(cause, &transfer.Error{Op: "serving:", Code: framing.CodeDeclined, Err: why})
}
