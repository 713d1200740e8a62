//go:build faults && linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// sources changes what is sent while it is read. What is delivered is one version
// or the other; a mix, or a file of which the end is missing, never ends with 0.
func sources(f *family) {
	for _, c := range []struct {
		name   string
		change func(r *round, path string) error
	}{
		{"append", appendTo}, {"truncate", truncate}, {"same_size", sameSize}, {"same_size_and_time", sameSizeAndTime},
		{"replace", replace}, {"remove", remove}, {"chmod", chmod}, {"become_a_link", becomeLink}, {"become_a_folder", becomeFolder},
	} {
		for i := range 4 * f.c.rounds {
			f.play(fmt.Sprintf("%s_%d", c.name, i), func(r *round) { changed(r, c.change) })
		}
	}
	for i := range 2 * f.c.rounds {
		f.play(fmt.Sprintf("never_at_rest_%d", i), neverAtRest)
	}
}

// changed changes the one large file while it is read.
func changed(r *round, change func(r *round, path string) error) {
	t := r.trace()
	d := r.delivery(size{small: 6, large: []int{5*mib + 77}})
	path := filepath.Join(d.source, "large0")
	// Each read takes its time, so that the change falls between two of them.
	d.send.wrapper = t.inject("pread64", "delay_enter=50000")
	var failed error
	// As the receiver's share of the file grows, the sender is amid it.
	d.gate = r.gate(&fault{forth, mib/2 + r.Int64N(3*mib), then(func() { failed = change(r, path) })})
	recv, send := d.run()
	d.gate.close()
	must(r, failed)
	after := scan(r, d.source)
	got := d.received()
	oneVersion(r, d, after, got)
	for _, e := range []ending{recv, send} {
		switch {
		case e.exit != 0 && e.exit != 1:
			r.Errorf("a changed file is a matter of that file: %v\n%s", e, e.failures())
		case e.exit == 0 && got["large0"].sum != after["large0"].sum && got["large0"].sum != d.sent["large0"].sum:
			r.Errorf("exit code 0 with neither version: %v", e)
		case e.exit == 1 && !strings.Contains(e.failures(), "large0"):
			r.Errorf("the file is not named: %v\n%s", e, e.failures())
		}
	}
	if _, there := after["large0"]; !there {
		return // nothing to go on with
	}
	if got["large0"].sum == d.sent["large0"].sum && got["large0"].sum != after["large0"].sum {
		// All of it was read before the change: the sender is ahead of what passes the gate.
		r.missed()
		if sameStat(d.sent["large0"], after["large0"]) {
			d.second = []string{"--checksum"} // nothing else tells the two apart from now on
		}
	}
	d.sent = after
	// A version of one chunk or less takes over no partial, and leaves that of the
	// longer one to be told of and removed when it is 30 days old.
	d.shares = after["large0"].size <= mib
	if after["large0"].mode.IsRegular() {
		d.converge()
	}
}

// sameStat: two files are the same, as far as can be told without reading them.
func sameStat(a, b item) bool { return a.mode == b.mode && a.size == b.size && a.mtime.Equal(b.mtime) }

// oneVersion: the large file is what it was at the destination, or at the source
// before, or after; never a mix, and its mode and time belong to its content.
func oneVersion(r *round, d *delivery, after, got picture) {
	r.Helper()
	g, there := got["large0"]
	if !there {
		r.Error("what was at the destination before is gone")
		return
	}
	for _, version := range []item{d.before["large0"], d.sent["large0"], after["large0"]} {
		if g.sum == version.sum && g.size == version.size && g.mode == version.mode && g.mtime.Equal(version.mtime) {
			return
		}
	}
	r.Errorf("a mix of two versions was delivered: %v; before %v, after %v", g, d.sent["large0"], after["large0"])
}

func appendTo(r *round, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(content(r.Rand, 1+r.IntN(2*mib)))
	return err
}

func truncate(r *round, path string) error { return os.Truncate(path, r.Int64N(5*mib)) }

func sameSize(r *round, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for range 3 {
		if _, err := f.WriteAt(content(r.Rand, 100), r.Int64N(5*mib)); err != nil {
			return err
		}
	}
	return nil
}

// sameSizeAndTime leaves only the time of the change of the inode to tell.
func sameSizeAndTime(r *round, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := sameSize(r, path); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, info.ModTime())
}

func replace(r *round, path string) error {
	if err := os.WriteFile(path+".new", content(r.Rand, 5*mib+77), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func remove(_ *round, path string) error { return os.Remove(path) }

func chmod(_ *round, path string) error { return os.Chmod(path, 0o640) }

func becomeLink(r *round, path string) error {
	victim := filepath.Join(r.dir, "secret")
	if err := os.WriteFile(victim, content(r.Rand, 5*mib+77), 0o600); err != nil {
		return err
	}
	if err := os.Symlink(victim, path+".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func becomeFolder(_ *round, path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

// neverAtRest: a file that changes all the time is left out after some tries, and
// all else arrives.
func neverAtRest(r *round) {
	t := r.trace()
	d := r.delivery(size{small: 6, large: []int{3 * mib}})
	path := filepath.Join(d.source, "large0")
	d.send.wrapper = t.inject("pread64", "delay_enter=20000")
	var over atomic.Bool
	ended := make(chan error, 1)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(r, err)
	defer f.Close()
	go func() {
		for b := byte(0); !over.Load(); b++ {
			if _, err := f.WriteAt([]byte{b}, int64(b)*1000); err != nil {
				ended <- err
				return
			}
			<-time.After(2 * time.Millisecond)
		}
		ended <- nil
	}()
	recv, send := d.run()
	r.hit()
	over.Store(true)
	must(r, <-ended)
	got := d.received()
	if recv.exit != 1 || send.exit != 1 || !strings.Contains(send.failures(), "large0") || got["large0"].sum != d.before["large0"].sum {
		r.Errorf("want exit code 1, the name, and the file as it was: %v, %v", recv, send)
	}
	for path, w := range d.sent {
		if path != "large0" && got[path].sum != w.sum {
			r.Errorf("%q could have been delivered", path)
		}
	}
	d.sent = scan(r, d.source)
	d.converge()
}
