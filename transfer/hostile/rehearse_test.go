package hostile

import (
	"errors"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
)

// A receiver that takes a dry run for a delivery, or asks for content in one, is
// left before it gets any.
func TestDryRunGivesNoContent(t *testing.T) {
	for name, script := range map[string]func(*peer){
		"an ACCEPT without the flag": func(p *peer) {
			a := framing.Accept{EntryWindow: 1000, EntryBytes: 1 << 20, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
		},
		"a WANT for all": func(p *peer) {
			a := framing.Accept{Flags: framing.FlagDryRun, EntryWindow: 1000, EntryBytes: 1 << 20, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
			w := framing.Want{ID: 1, Kind: framing.WantAll}
			p.send(framing.TypeWant, w.Append(nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "f")
			deliverytest.Write(t, file, 10, 1)
			a, b := deliverytest.Pair(t)
			ended := make(chan error, 1)
			go func() {
				_, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Named(file), DryRun: true})
				ended <- err
			}()
			p := &peer{t: t, l: b}
			p.until(framing.TypeEntry)
			script(p)
			bye, err := framing.ParseBye(p.until(framing.TypeBye))
			if err != nil || bye.Code != framing.CodeProtocol {
				t.Errorf("goodbye %v, %v", bye, err)
			}
			_ = b.Close()
			var own *transfer.Error
			if err := <-ended; !errors.As(err, &own) || own.Code != framing.CodeProtocol {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
