package transfer_test

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// A link that cannot be made for its name is told so: that names the next step.
func TestLinkOfRefusedName(t *testing.T) {
	dst, src := mountedNTFS(t, "windows_names"), t.TempDir()
	deliverytest.Must(t, os.Symlink("x", filepath.Join(src, "li|nk")))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = transfer.LinksAll })
	failed := deliverytest.Find[transfer.ItemFailed](s.SendSaw)
	if len(failed) != 1 || failed[0].Err.Code != framing.CodeName {
		t.Errorf("it is told of %v", failed)
	}
}
