package send

import (
	"fmt"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
)

// compare holds the receipt against the verdicts. It may come only behind the last.
func (b *book) compare(got framing.Receipt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.allSettled() {
		return failure.Violation("RECEIPT before everything was settled")
	}
	want := b.tally
	want.Digest, want.Durable = b.sums.Sum(), got.Durable
	if got == want {
		return nil
	}
	return &transfer.Error{Op: "comparing the receipt:", Code: framing.CodeDigest,
		Err: fmt.Errorf("it speaks of %d delivered, %d same, %d failed items and %d bytes; sent were %d, %d, %d and %d, or the digests differ",
			got.Delivered, got.Same, got.Failed, got.Bytes, want.Delivered, want.Same, want.Failed, want.Bytes)}
}
