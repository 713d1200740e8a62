package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// size is what the files below a folder take, those of ferry's own left out.
func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A key brings no more than its quota: of what is offered at once, of what comes, and of what
// was there before.
func TestQuota(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{"in/before": strings.Repeat("b", 1000), "out": strings.Repeat("o", 9000)})
	r := start(t, root, nil)
	key := r.allow(keys.Grant{Path: "in", Upload: true, Quota: 4000})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("l", 3001), "d/1": strings.Repeat("1", 2000), "d/2": strings.Repeat("2", 2000), "fits": strings.Repeat("f", 900)})
	for _, c := range []struct {
		name string
		want framing.Code
	}{{"large", framing.CodeNoSpace}, {"d", framing.CodeNoSpace} /* a part of d may be there */, {"fits", framing.CodeNone}, {"large", framing.CodeNoSpace}} {
		_, err := r.put(key, "", filepath.Join(src, c.name))
		if code(err) != c.want || c.want != framing.CodeNone && !strings.Contains(err.Error(), "quota") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := size(t, filepath.Join(root, "in")); n > 4000 {
		t.Errorf("%d bytes are there", n)
	}
	r.events.until(t, func(e Event) bool { no, ok := e.(Refusal); return ok && no.Cause == CauseQuota })
}

// Sending again what is there already takes no more of a quota.
func TestQuotaOfTheSame(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for i, grant := range []keys.Grant{{Upload: true}, {Upload: true, Download: true}} {
		grant.Path, grant.Quota = fmt.Sprint(i), 3000
		key := r.allow(grant)
		src := write(t, t.TempDir(), map[string]string{"f": strings.Repeat("f", 1000)})
		for range 4 {
			if _, err := r.put(key, "", filepath.Join(src, "f")); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if n := size(t, filepath.Join(r.root, grant.Path)); n != 1000 {
			t.Errorf("%d bytes are there", n)
		}
	}
}

// A delivery that may see what is there needs room for what it brings, and not for what it finds
// the same: who keeps a tree up to date may do so until the quota is full.
func TestQuotaOfWhatIsThere(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Path: "in", Upload: true, Download: true, Quota: 3000})
	src := t.TempDir()
	for i := range 3 {
		write(t, src, map[string]string{fmt.Sprint("d/", i): strings.Repeat("f", 1000)})
		if _, err := r.put(key, "", filepath.Join(src, "d")); err != nil {
			t.Errorf("with %d files: %v", i+1, err)
		}
	}
	for i := range 2 {
		if _, err := r.put(key, "d", filepath.Join(src, "d", "0"), filepath.Join(src, "d", "1"), filepath.Join(src, "d", "2")); err != nil {
			t.Errorf("files by name, %d: %v", i, err)
		}
	}
	write(t, src, map[string]string{"d/more": "f"})
	if _, err := r.put(key, "", filepath.Join(src, "d")); code(err) != framing.CodeNoSpace || !strings.Contains(err.Error(), "quota") {
		t.Errorf("one byte too many: %v", err)
	}
	if n := size(t, filepath.Join(r.root, "in")); n != 3000 {
		t.Errorf("%d bytes are there", n)
	}
}

// What somebody takes away is free again.
func TestQuotaIsCountedAgain(t *testing.T) {
	root := t.TempDir()
	r := start(t, root, nil)
	var ahead time.Duration
	var mu sync.Mutex
	r.server.quotas.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	key := r.allow(keys.Grant{Upload: true, Quota: 1500})
	src := write(t, t.TempDir(), map[string]string{"a": strings.Repeat("a", 1000), "b": strings.Repeat("b", 1000)})
	if _, err := r.put(key, "", filepath.Join(src, "a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.put(key, "", filepath.Join(src, "b")); code(err) != framing.CodeNoSpace {
		t.Errorf("counted too often: %v", err)
	}
	mu.Lock()
	ahead = time.Hour
	mu.Unlock()
	if _, err := r.put(key, "", filepath.Join(src, "b")); err != nil {
		t.Error(err)
	}
}

// Links of one key together bring no more than its quota.
func TestQuotaOfParallelLinks(t *testing.T) {
	root := t.TempDir()
	r := start(t, root, nil)
	const quota, each = 400_000, 30_000
	key := r.allow(keys.Grant{Path: "in", Upload: true, Quota: quota})
	src := t.TempDir()
	for i := range 20 {
		write(t, src, map[string]string{fmt.Sprintf("%d/a", i): strings.Repeat(string(rune('a'+i)), each), fmt.Sprintf("%d/b", i): strings.Repeat(string(rune('A'+i)), each)})
	}
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() { _, _ = r.put(key, "", filepath.Join(src, fmt.Sprint(i))) })
	}
	clients.Wait()
	if n := size(t, root); n > quota || n < quota/2 {
		t.Errorf("%d bytes of %d are there", n, quota)
	}
}

// A stream, whose length nobody knows, is held against the quota as it comes.
func TestQuotaOfStream(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true, Quota: 3 << 20})
	l, err := r.dial(link.Sender, key)
	if err != nil {
		t.Fatal(err)
	}
	o := sending(t, "", "stream")
	o.Sources[0].Reader = endless{}
	if _, err := sendOver(t, l, o); code(err) != framing.CodeNoSpace || !strings.Contains(err.Error(), "quota") {
		t.Error(err)
	}
	// The server tidies up a little after its client is done.
	eventually(t, "its visit does not end", func() bool { n, _ := r.server.guests.count(); return n == 0 })
	holds(t, r.root, nil)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// What is below a path counts for it, unfinished files by what they take.
func TestUsage(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{"a/b/c": "123", "a/d": "4", "e": "56", "a/.ferry-partial/x.part": "789"})
	disk, err := OpenDisk(root, DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path []string
		want Usage
	}{{nil, Usage{6, 3}}, {[]string{"a"}, Usage{4, 3}}, {[]string{"a", "b"}, Usage{3, 0}}, {[]string{"absent", "x"}, Usage{}}, {[]string{"e"}, Usage{}}} {
		if got, err := disk.Usage(t.Context(), c.path); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.path, got, err)
		}
	}
}
