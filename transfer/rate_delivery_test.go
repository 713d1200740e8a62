package transfer_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// traffic is what a link had carried, every tick of virtual time.
type traffic struct {
	at    []time.Duration
	bytes []int64
}

const trafficTick = 100 * time.Millisecond

// watch samples a link until stop is called.
func (m *traffic) watch(carried func() int64) (stop func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	begin := time.Now()
	watching.Go(func() {
		tick := time.NewTicker(trafficTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.at, m.bytes = append(m.at, time.Since(begin)), append(m.bytes, carried())
			case <-over:
				return
			}
		}
	})
	return func() { close(over); watching.Wait() }
}

// check holds each window of 5 s between from and to against the rate.
func (m *traffic) check(t *testing.T, rate int64, from, to time.Duration) {
	t.Helper()
	const window = int(5 * time.Second / trafficTick)
	checked := 0
	for i := 0; i+window < len(m.at); i++ {
		if m.at[i] < from || m.at[i+window] > to {
			continue
		}
		checked++
		got, want := float64(m.bytes[i+window]-m.bytes[i]), 5*float64(rate)
		if got < 0.95*want || got > 1.05*want {
			t.Errorf("%.3f of the rate from %v on", got/want, m.at[i])
			return
		}
	}
	if checked == 0 {
		t.Errorf("no window between %v and %v, it took %v", from, to, m.at[len(m.at)-1])
	}
}

// Content of all sorts, at either side's limit: on the wire it holds in each
// window from the first byte on.
func TestDeliveryKeepsToItsLimit(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"sender", "receiver"} {
		for _, c := range []struct {
			rate  int64
			large int
		}{{64 << 10, deliverytest.MiB}, {512 << 10, 8 * deliverytest.MiB}, {10 * deliverytest.MiB, 128 * deliverytest.MiB}} {
			t.Run(fmt.Sprint(side, " ", c.rate), func(t *testing.T) {
				t.Parallel()
				src, dst := t.TempDir(), t.TempDir()
				deliverytest.Write(t, filepath.Join(src, "large"), c.large, 1)
				for i := range 100 {
					deliverytest.Write(t, filepath.Join(src, fmt.Sprint("small ", i)), i*100, uint64(i))
				}
				synctest.Test(t, func(t *testing.T) {
					limit, err := transfer.NewLimit(c.rate)
					deliverytest.Must(t, err)
					var m traffic
					stop := func() {}
					begin := time.Now()
					s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
						if side == "sender" {
							so.Limit = limit
						} else {
							ro.Limit = limit
						}
						stop = m.watch(s.SendLink.Traffic)
					}).OK(t)
					took := time.Since(begin)
					stop()
					ideal := time.Duration(float64(s.Sent.Wire) / float64(c.rate) * float64(time.Second))
					if took < ideal*95/100 || took > ideal*105/100+time.Second {
						t.Errorf("it took %v, at the limit it would be %v", took, ideal)
					}
					m.check(t, c.rate, 0, took-time.Second)
				})
				deliverytest.SameTree(t, src, dst)
			})
		}
	}
}

func TestDeliveryFollowsItsLimit(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"sender", "receiver"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			src, dst := t.TempDir(), t.TempDir()
			deliverytest.Write(t, filepath.Join(src, "large"), 80*deliverytest.MiB, 1)
			synctest.Test(t, func(t *testing.T) {
				limit, err := transfer.NewLimit(deliverytest.MiB)
				deliverytest.Must(t, err)
				var m traffic
				stop := func() {}
				up := time.AfterFunc(20*time.Second, func() { _ = limit.Set(4 * deliverytest.MiB) })
				defer up.Stop()
				off := time.AfterFunc(30*time.Second, func() { _ = limit.Set(0) })
				defer off.Stop()
				begin := time.Now()
				deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
					if side == "sender" {
						so.Limit = limit
					} else {
						ro.Limit = limit
					}
					stop = m.watch(s.SendLink.Traffic)
				}).OK(t)
				took := time.Since(begin)
				stop()
				m.check(t, deliverytest.MiB, 0, 20*time.Second)
				m.check(t, 4*deliverytest.MiB, 20*time.Second+200*time.Millisecond, 30*time.Second)
				if took < 30*time.Second || took > 32*time.Second {
					t.Errorf("it took %v: without a limit there is nothing to wait for", took)
				}
			})
		})
	}
}
