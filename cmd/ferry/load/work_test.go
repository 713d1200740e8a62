//go:build load && linux

package load

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// worker does one thing after another, each with a client.
type worker struct {
	*soak
	*rand.Rand
	id     int
	serial int
	source string // where its trees are
	out    string // where it downloads to
}

// work goes on until the end.
func (s *soak) work(id int) {
	w := &worker{soak: s, Rand: rand.New(rand.NewPCG(*seedFlag, uint64(id))), id: id,
		source: filepath.Join(s.dir, "from", fmt.Sprint(id)), out: filepath.Join(s.dir, "out", fmt.Sprint(id))}
	for !s.over() && s.pace.wait(s.ending) {
		w.serial++
		if err := w.one(); err != nil {
			s.book.fail("worker %d, step %d: %v", id, w.serial, err)
		}
	}
}

// one is one delivery, or an attempt that has to be refused.
func (w *worker) one() error {
	at := w.steady.address
	if w.IntN(3) == 0 {
		at = w.port
	}
	switch w.IntN(12) {
	case 0, 1:
		return w.upload("upload", w.both, at, 0)
	case 2:
		return w.upload("blind upload", w.up, at, 0)
	case 3:
		return w.upload("upload, killed", w.both, at, 1+w.IntN(3))
	case 4:
		return w.upload("blind upload, killed", w.up, at, 1+w.IntN(2))
	case 5, 6:
		return w.download("download", at, 0)
	case 7:
		return w.download("download, killed", at, 1+w.IntN(3))
	case 8:
		return w.full(at)
	case 9:
		return w.slow(at)
	}
	return w.refused(at)
}

// tree makes a tree, and says where it is.
func (w *worker) tree(files int, most int64) (name, path string, p picture, err error) {
	name = fmt.Sprintf("tree %d.%d", w.id, w.serial)
	path = filepath.Join(w.source, name)
	if err = plant(w.Rand, path, files, most); err == nil {
		p, err = scan(path)
	}
	return name, path, p, err
}

// killed runs a client and kills it some times, and returns the run that is left alone.
func (w *worker) killed(f *friend, times int, args []string) (*run, error) {
	for range times {
		r, err := f.start(args...)
		if err != nil {
			return nil, err
		}
		if r.kill(time.Duration(w.Int64N(int64(2 * time.Second)))) {
			w.book.count("client killed")
		} else if exit := r.cmd.ProcessState.ExitCode(); exit != 0 {
			return nil, fmt.Errorf("it was not killed: want 0: %v", r)
		}
	}
	r, err := f.start(args...)
	if err == nil {
		r.wait()
	}
	return r, err
}

// ok checks that a run ended with 0, and counts it.
func (w *worker) ok(r *run, at, direction string) error {
	if exit := r.cmd.ProcessState.ExitCode(); exit != 0 || !r.result.OK {
		return fmt.Errorf("want 0: %v", r)
	}
	if at == w.steady.address {
		w.book.count("ok " + direction)
	}
	return nil
}

// upload brings a tree, and sometimes fetches it again, where the key may.
func (w *worker) upload(what string, f *friend, at string, kills int) error {
	most := int64(1 << 20)
	if kills > 0 {
		most = 12 << 20
	}
	name, path, want, err := w.tree(w.IntN(60), most)
	if err != nil {
		return err
	}
	defer os.RemoveAll(path)
	below := fmt.Sprint("w", w.id)
	r, err := w.killed(f, kills, f.to(at, below, path))
	if err == nil {
		err = w.ok(r, at, "upload")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	w.book.count(what)
	there := filepath.Join(w.root, f.name, below)
	got, err := scan(filepath.Join(there, name))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if text := want.differs(got); text != "" {
		return fmt.Errorf("%s: %s%v", what, text, r)
	}
	defer os.RemoveAll(filepath.Join(there, name))
	list, err := os.ReadDir(there)
	for _, e := range list {
		if e.Name() != name && e.Name() != ".ferry-partial" {
			return fmt.Errorf("%s: %q stands beside it: %v", what, e.Name(), r)
		}
	}
	if err != nil || f == w.up || w.IntN(2) == 0 {
		return err
	}
	return w.fetch("download of what was sent", f, at, below+"/"+name, want, 0)
}

// download fetches what is there since the start.
func (w *worker) download(what, at string, kills int) error {
	i := w.IntN(len(w.library))
	return w.fetch(what, w.down, at, fmt.Sprintf("book%%20%d", i), w.library[i], kills)
}

func (w *worker) fetch(what string, f *friend, at, path string, want picture, kills int) error {
	defer os.RemoveAll(w.out)
	path = strings.ReplaceAll(path, " ", "%20")
	r, err := w.killed(f, kills, f.from(at, path, w.out))
	if err == nil {
		err = w.ok(r, at, "download")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	w.book.count(what)
	got, err := scan(filepath.Join(w.out, strings.ReplaceAll(filepath.Base(path), "%20", " ")))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if text := want.differs(got); text != "" {
		return fmt.Errorf("%s: %s%v", what, text, r)
	}
	return nil
}

// full brings what the quota may have room for, and what it has never.
func (w *worker) full(at string) error {
	size := w.Int64N(quotaBytes / 2)
	if w.IntN(2) == 0 {
		size = quotaBytes + 1 + w.Int64N(quotaBytes)
	}
	name := fmt.Sprintf("file %d.%d", w.id, w.serial)
	path := filepath.Join(w.source, name)
	if err := os.MkdirAll(w.source, 0o755); err != nil {
		return err
	}
	if err := plantFile(w.Rand, path, size); err != nil {
		return err
	}
	defer os.Remove(path)
	there := filepath.Join(w.root, "quota", name)
	r, exit, err := w.quota.do(w.quota.to(at, "", path)...)
	switch {
	case err != nil:
		return err
	case exit == 6 && strings.Contains(r.message(), "quota"):
		if _, err := os.Stat(there); err == nil {
			return fmt.Errorf("over the quota, and it is there: %v", r)
		}
		w.book.count("over the quota")
		return nil
	case exit != 0 || size > quotaBytes:
		return fmt.Errorf("%d bytes, want 0 or quota: %v", size, r)
	}
	if err := w.ok(r, at, "upload"); err != nil {
		return err
	}
	w.book.count("within the quota")
	sent, err := digest(path)
	if err != nil {
		return err
	}
	got, err := digest(there)
	if err != nil || got != sent {
		return fmt.Errorf("%s differs (%w): %v", there, err, r)
	}
	return os.Remove(there)
}

// slow brings a file with the key that has a rate.
func (w *worker) slow(at string) error {
	name := fmt.Sprintf("slow %d.%d", w.id, w.serial)
	path := filepath.Join(w.source, name)
	if err := os.MkdirAll(w.source, 0o755); err != nil {
		return err
	}
	size := 6<<20 + w.Int64N(6<<20)
	if err := plantFile(w.Rand, path, size); err != nil {
		return err
	}
	defer os.Remove(path)
	there := filepath.Join(w.root, "rate", name)
	defer os.Remove(there)
	r, _, err := w.rate.do(w.rate.to(at, "", path)...)
	if err == nil {
		err = w.ok(r, at, "upload")
	}
	if err != nil {
		return fmt.Errorf("with a rate: %w", err)
	}
	w.book.count("upload with a rate")
	sent, err := digest(path)
	if err != nil {
		return err
	}
	if got, err := digest(there); err != nil || got != sent {
		return fmt.Errorf("%s differs (%w): %v", there, err, r)
	}
	// The key's allowance may be spent at once for some part of it.
	if least := time.Duration(float64(size-2<<20) / rateBytes * float64(time.Second)); r.took < least/2 {
		return fmt.Errorf("%d bytes at %d a second in %v: %v", size, rateBytes, r.took, r)
	}
	return nil
}

// refused tries what has to end with 4, or another code that is told, and leaves nothing.
func (w *worker) refused(at string) error {
	path := filepath.Join(w.source, "refused")
	if err := plant(w.Rand, path, 3, 1<<10); err != nil {
		return err
	}
	defer os.RemoveAll(path)
	defer os.RemoveAll(w.out)
	other := "SHA256:" + strings.Repeat("A", 43)
	list := []struct {
		what string
		want int
		by   *friend
		args []string
	}{
		{"an unknown key", 4, w.stranger, w.stranger.to(at, "", path)},
		{"an unknown key, fetching", 4, w.stranger, w.stranger.from(at, "", w.out)},
		{"an unknown host", 4, w.both, []string{"send", "--to", "ferry://" + at + "/", "--wait", "5m", path}},
		{"another host key", 4, w.both, []string{"send", "--to", "ferry://" + at + "/", "--host-key", other, "--wait", "5m", path}},
		{"upload where only download is permitted", 4, w.down, w.down.to(at, "", path)},
		{"download where only upload is permitted", 4, w.up, w.up.from(at, "", w.out)},
		{"what is not there", 1, w.down, w.down.from(at, "absent", w.out)},
		{"a path out of the root", 2, w.both, w.both.from(at, "x/..%2f..%2fdown", w.out)},
	}
	one := list[w.IntN(len(list))]
	r, exit, err := one.by.do(one.args...)
	if err != nil {
		return err
	}
	if exit != one.want {
		return fmt.Errorf("%s: want %d: %v", one.what, one.want, r)
	}
	w.book.count(one.what)
	if list, _ := os.ReadDir(w.out); len(list) > 0 {
		return fmt.Errorf("%s: %v arrived", one.what, list)
	}
	return nil
}
