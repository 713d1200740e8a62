package serve

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// The load is small unless it is asked for:
//
//	go test ./transfer/serve -run Load -serve.small 200 -serve.files 1000 -serve.large 20 -serve.mib 1024 -timeout 1h
var (
	smallClients = flag.Int("serve.small", 30, "clients of the load test that bring small files")
	smallFiles   = flag.Int("serve.files", 30, "files that each brings")
	largeClients = flag.Int("serve.large", 3, "clients that bring one large file")
	largeMiB     = flag.Int("serve.mib", 24, "size of that")
)

// Many clients at once, small beside large, friends beside strangers: all of it arrives, and
// the server keeps to its memory.
func TestLoad(t *testing.T) {
	const memory = 64 << 20
	r := start(t, t.TempDir(), func(c *Config) { c.Links, c.Memory = *smallClients+*largeClients, memory })
	small, large := t.TempDir(), t.TempDir()
	r.loadSources(small, large)
	five := make([]link.Signer, 5)
	for i := range five {
		five[i] = r.allow(keys.Grant{Path: fmt.Sprint("key", i), Upload: true, Download: i%2 == 0})
	}
	alone := r.timed(five[0], "alone", small)
	stop := make(chan struct{})
	var strangers sync.WaitGroup
	unknown := newSigner(t)
	strangers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = r.put(unknown, "", small)
			}
		}
	})
	var peak uint64
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	took := make([]time.Duration, *smallClients)
	var clients sync.WaitGroup
	for i := range *largeClients {
		clients.Go(func() { r.timed(five[i%5], fmt.Sprint("large", i), filepath.Join(large, "large")) })
	}
	for i := range *smallClients {
		clients.Go(func() { took[i] = r.timed(five[i%5], fmt.Sprint("small", i), small) })
	}
	clients.Wait()
	close(stop)
	strangers.Wait()
	watching.Wait()
	for i := range *smallClients {
		dir := filepath.Join(r.root, fmt.Sprint("key", i%5), fmt.Sprint("small", i), filepath.Base(small))
		if names, err := os.ReadDir(dir); err != nil || len(names) != *smallFiles {
			t.Errorf("%s: %d files, %v", dir, len(names), err)
		}
	}
	for i := range *largeClients {
		path := filepath.Join(r.root, fmt.Sprint("key", i%5), fmt.Sprint("large", i), "large")
		if info, err := os.Stat(path); err != nil || info.Size() != int64(*largeMiB)<<20 {
			t.Errorf("%s: %v", path, err)
		}
	}
	t.Logf("a small delivery alone took %v, beside %d others and %d large ones %v at the median and %v at the most; the heap of all sides had %d MiB at the most",
		alone, *smallClients-1, *largeClients, median(took), slices.Max(took), peak>>20)
	if out, waiting := r.server.shares.figures(memory); out != 0 || waiting != 0 {
		t.Errorf("%d bytes are given out still, %d wait", out, waiting)
	}
}

func median(d []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(d))[len(d)/2]
}

// timed uploads one path, which has to arrive.
func (r *rig) timed(key link.Signer, place, path string) time.Duration {
	began := time.Now()
	if _, err := r.put(key, place, path); err != nil {
		r.t.Errorf("%s: %v", place, err)
	}
	return time.Since(began)
}

// loadSources makes what the clients of a load bring.
func (r *rig) loadSources(small, large string) {
	r.t.Helper()
	random := rand.NewChaCha8([32]byte{7})
	block := make([]byte, 1<<20)
	for i := range *smallFiles {
		_, _ = random.Read(block[:10_000])
		if err := os.WriteFile(filepath.Join(small, fmt.Sprint(i)), block[:10_000], 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(large, "large"))
	for range *largeMiB {
		if err != nil {
			break
		}
		_, _ = random.Read(block)
		_, err = f.Write(block)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// Who waits for memory comes in when there is some, in the order of coming, and who stops to
// wait takes none.
func TestSharesAreWaitedFor(t *testing.T) {
	s := newShares(20, 10)
	asked := 0
	full := func() { asked++ }
	one, err1 := s.take(t.Context(), full)
	two, err2 := s.take(t.Context(), full)
	if err1 != nil || err2 != nil || asked != 0 || one.memory() != 10 {
		t.Fatal(err1, err2, asked)
	}
	waits, got := make(chan struct{}), make(chan *share)
	go func() {
		h, _ := s.take(t.Context(), func() { close(waits) })
		got <- h
	}()
	<-waits
	if !s.wanted() {
		t.Error("nobody waits")
	}
	one.give()
	three := <-got
	two.give()
	three.give()
	if s.wanted() || s.left != 20 {
		t.Errorf("%d are left", s.left)
	}
	var none *share
	none.give()
	if free, err := newShares(0, 10).take(t.Context(), full); free != nil || err != nil {
		t.Errorf("without a limit: %v, %v", free, err)
	}
}
