package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// Hundreds of strangers who show keys, each with a proof that is right and a key that nobody
// knows, keep nobody from another address out. From one address the host soon signs nothing
// more for them.
func TestAThousandStrangersWithKeys(t *testing.T) {
	for name, tc := range map[string]struct {
		strangers, sources int
		most               int64 // signatures of the host for them
	}{
		"from one address":   {1000, 1, 128 + 16 + 12}, // all that may be under way, and the free ones
		"from 100 addresses": {300, 100, 300},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host, client := newTestKey(1), newTestKey(3)
				var signed atomic.Int64
				host.after = func() { signed.Add(1) }
				l, inner := memoryServer(t, Config{Keys: admitting(host, client), Links: 2}) // there is room for more than the honest one
				var crowd sync.WaitGroup
				var refused, busy atomic.Int64
				for i := range tc.strangers {
					crowd.Go(func() {
						cfg := Config{Role: Sender, Keys: trusting(host, newTestKey(100))}
						cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
							return dialAs(inner, fmt.Sprint("crowd ", i%tc.sources))(ctx)
						}
						_, err := Dial(t.Context(), "memory:1", cfg, 0)
						switch {
						case errors.Is(err, ErrKeysRefused):
							refused.Add(1)
						case codeOf(err) == framing.CodeLost:
							busy.Add(1) // or thrown out
						default:
							t.Errorf("a stranger: %v", err)
						}
					})
				}
				began := time.Now()
				cfg := Config{Role: Sender, Keys: trusting(host, client)}
				cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) { return dialAs(inner, "honest")(ctx) }
				near, err := Dial(t.Context(), "memory:1", cfg, promised)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > promised {
					t.Errorf("it took %v", took)
				}
				far, err := l.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				crowd.Wait()
				if n := signed.Load(); n > tc.most+1 || refused.Load() == 0 {
					t.Errorf("%d signatures; %d were refused, %d sent away", n, refused.Load(), busy.Load())
				}
				abort(near, far)
				_ = l.Close()
			})
		})
	}
}

// Who has failed too often waits, whatever key comes then, and nobody else does. Who proved
// itself is forgiven.
func TestFailedKeysArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		l, inner := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
		dial := func(source string, key *testKey, wait time.Duration) error {
			cfg := Config{Role: Sender, Keys: trusting(host, key)}
			cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) { return dialAs(inner, source)(ctx) }
			near, err := Dial(t.Context(), "memory:1", cfg, wait)
			if err == nil {
				far, err := l.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				abort(near, far)
			}
			return err
		}
		fail := func(n int) {
			for range n {
				if err := dial("office", newTestKey(9), 0); !errors.Is(err, ErrKeysRefused) {
					t.Fatal(err)
				}
			}
		}
		fail(12)
		if err := dial("office", client, 0); err != nil {
			t.Errorf("after 12 failures: %v", err)
		}
		fail(13)
		wantRemote(t, "after 13 failures", dial("office", client, 0), framing.CodeBusy)
		if err := dial("elsewhere", client, 0); err != nil {
			t.Errorf("from elsewhere: %v", err)
		}
		if err := dial("office", client, 10*time.Second); err != nil {
			t.Errorf("who waits: %v", err)
		}
		fail(12)
		_ = l.Close()
	})
}
