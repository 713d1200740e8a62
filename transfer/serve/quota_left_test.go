package serve

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/keys"
)

// ahead lets the clock of a server's quotas be ahead, by what is stored.
func (r *rig) ahead() *atomic.Int64 {
	var by atomic.Int64
	r.server.quotas.now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	return &by
}

// What an upload left unfinished does not keep the next one from going on with it.
func TestQuotaOfResumed(t *testing.T) {
	for _, grant := range []keys.Grant{{Upload: true}, {Upload: true, Download: true}} {
		for _, later := range []time.Duration{0, time.Hour} {
			r := start(t, t.TempDir(), nil)
			ahead := r.ahead()
			grant.Quota = 9 << 20
			key := r.allow(grant)
			src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("0123456789abcdef", 512<<10)})
			r.interrupt(key, filepath.Join(src, "large"))
			ahead.Store(int64(later))
			res, err := r.put(key, "", filepath.Join(src, "large"))
			if err != nil || res.Moved >= 8<<20 {
				t.Errorf("%+v: %+v, %v", grant, res, err)
			}
		}
	}
}

// Unfinished files do not add up, however fast their deliveries come one after another.
func TestQuotaOfUnfinished(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.ahead()
	key := r.allow(keys.Grant{Upload: true, Quota: 9 << 20})
	for _, name := range []string{"a", "b"} {
		src := write(t, t.TempDir(), map[string]string{name: strings.Repeat("0123456789abcdef", 512<<10)})
		r.interrupt(key, filepath.Join(src, name))
		eventually(t, "its visit does not end", func() bool {
			for _, v := range r.server.guests.all(false) {
				v.end(errAgain)
			}
			n, _ := r.server.guests.count()
			return n == 0
		})
	}
	src := write(t, t.TempDir(), map[string]string{"c": strings.Repeat("0123456789abcdef", 512<<10)})
	if _, err := r.put(key, "", filepath.Join(src, "c")); code(err) != framing.CodeNoSpace {
		t.Error(err)
	}
}

// Sizes that no number holds together change nothing for others.
func TestQuotaBesideAnySize(t *testing.T) {
	q := newQuotas(nowhere{})
	if err := q.fresh(t.Context(), []string{"in"}, false); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		any, err := q.open(t.Context(), nil, 0, []string{"in"})
		if err != nil {
			t.Fatal(err)
		}
		for id := range uint64(3) {
			any.begin(id)
			if err := any.take(t.Context(), id, math.MaxInt64); err != nil {
				t.Fatal(err)
			}
		}
		any.settle(1, 0)
		any.close()
	}
	own, err := q.open(t.Context(), []string{"in"}, 1000, []string{"in"})
	if err != nil {
		t.Fatal(err)
	}
	if u := q.usage([]string{"in"}); u.promised != 0 || u.used < 0 || u.left < 0 {
		t.Errorf("%+v", u)
	}
	if err := own.take(t.Context(), 1, 1001); err == nil {
		t.Error("more than the quota")
	}
}

// nowhere is a Root that has nothing.
type nowhere struct{ Root }

func (nowhere) Usage(context.Context, []string) (Usage, error) { return Usage{}, nil }
