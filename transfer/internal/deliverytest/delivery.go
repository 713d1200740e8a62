package deliverytest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// Sides is a delivery over an in-memory link, with what both ends returned.
type Sides struct {
	Sent, Received       transfer.Result
	SendErr, ReceiveErr  error
	SendSaw, ReceiveSaw  *Recorder
	SendLink, receiveEnd *link.Link
}

// Deliver sends sources into dst (or to an Output that setup sets).
func Deliver(t *testing.T, ctx context.Context, dst string, sources []send.Source, prepare ...Setup) *Sides {
	t.Helper()
	return DeliverOver(t, ctx, link.Config{}, dst, sources, prepare...)
}

// DeliverOver is Deliver over a link of which both sides have this configuration.
func DeliverOver(t *testing.T, ctx context.Context, near link.Config, dst string, sources []send.Source, prepare ...Setup) *Sides {
	t.Helper()
	code, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	near.Code, near.Role = code, link.Sender
	far := near
	far.Role = link.Receiver
	a, b, err := link.Pipe(near, far)
	if err != nil {
		t.Fatal(err)
	}
	s := &Sides{SendLink: a, receiveEnd: b, SendSaw: new(Recorder), ReceiveSaw: new(Recorder)}
	so := send.Options{Sources: sources, Observer: s.SendSaw}
	ro := receive.Options{Observer: s.ReceiveSaw}
	if dst != "" {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.Close(); err != nil {
				t.Errorf("closing the destination: %v", err)
			}
		}()
		ro.Destination = d
	}
	for _, p := range prepare {
		p(&so, &ro, s)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.Received, s.ReceiveErr = receive.Receive(ctx, b, ro) })
	s.Sent, s.SendErr = send.Send(ctx, a, so)
	wg.Wait()
	return s
}

// OK fails the test unless both ends succeeded and agree.
func (s *Sides) OK(t *testing.T) *Sides {
	t.Helper()
	if s.SendErr != nil || s.ReceiveErr != nil {
		t.Fatalf("sender: %v; receiver: %v; failures %v %v", s.SendErr, s.ReceiveErr, s.Sent.Failures, s.Received.Failures)
	}
	if s.Sent.Digest != s.Received.Digest || s.Sent.Bytes != s.Received.Bytes || s.Sent.Delivered != s.Received.Delivered || s.Sent.Same != s.Received.Same {
		t.Fatalf("the ends disagree: %+v and %+v", s.Sent, s.Received)
	}
	if !s.Sent.Acknowledged || !s.Received.Acknowledged {
		t.Fatalf("receipt or goodbye missing: %v %v", s.Sent.Acknowledged, s.Received.Acknowledged)
	}
	return s
}

// Skips is OK for a delivery of which the receiver's user has n items skipped: the
// sender's user, who has not, is told that they are missing.
func (s *Sides) Skips(t *testing.T, n int64) *Sides {
	t.Helper()
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || s.ReceiveErr != nil {
		t.Fatalf("sender: %v; receiver: %v; failures %v %v", s.SendErr, s.ReceiveErr, s.Sent.Failures, s.Received.Failures)
	}
	if s.Received.Skipped != n || s.Received.Failed != 0 || s.Sent.Skipped != 0 || s.Sent.Failed != n {
		t.Fatalf("%d items are skipped: sender %+v, receiver %+v", n, s.Sent, s.Received)
	}
	for _, e := range s.Sent.Failures {
		if e.Path == "" || !e.Remote || !errors.As(e.Err, new(transfer.SkippedError)) {
			t.Errorf("the sender is told %v", e)
		}
	}
	if len(Find[transfer.ItemFailed](s.SendSaw)) != int(n) {
		t.Errorf("the sender heard of %v", Find[transfer.ItemFailed](s.SendSaw))
	}
	return s
}

// Recorder is an Observer that keeps events and may act on them.
type Recorder struct {
	mu     sync.Mutex
	events []transfer.Event
	// Act is called with each event, under no lock; nil does nothing. It is set before the
	// delivery begins.
	Act func(transfer.Event)
}

// Observe keeps e and acts on it.
func (r *Recorder) Observe(e transfer.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	act := r.Act
	r.mu.Unlock()
	if act != nil {
		act(e)
	}
}

// Find returns the events of one type that r kept, in the order in which they came.
func Find[E transfer.Event](r *Recorder) (all []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// CertCleanups are what crypto/tls has the runtime do for certificates that nobody
// uses any more, whenever it likes (runtime.runCleanups).
func CertCleanups() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func1"),
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func2"),
		goleak.IgnoreAnyFunction("runtime.runCleanups"), // the runtime's own, between two of them
	}
}
