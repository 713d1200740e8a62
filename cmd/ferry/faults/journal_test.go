//go:build faults && linux

package faults

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// journal damages what an interrupted delivery left for the next, or puts there
// what others made. It is noticed and costs only work, and nothing outside is
// read or written through it.
func journal(f *family) {
	damages := []struct {
		name   string
		suffix string
		do     func(r *round, d *delivery, path string)
	}{
		{"truncated", "", func(r *round, _ *delivery, path string) { must(r, os.Truncate(path, r.Int64N(fileSize(r, path)))) }},
		{"emptied", "", func(r *round, _ *delivery, path string) { must(r, os.Truncate(path, 0)) }},
		{"lengthened", "", func(r *round, _ *delivery, path string) { addTo(r, path, content(r.Rand, 70_000)) }},
		{"sparse_tail", "", func(r *round, _ *delivery, path string) { must(r, os.Truncate(path, 1<<40)) }},
		{"bits_flipped", "", flipBits},
		{"zeroed", "", func(r *round, _ *delivery, path string) {
			n := fileSize(r, path)
			must(r, os.Truncate(path, 0))
			must(r, os.Truncate(path, n))
		}},
		{"removed", "", func(r *round, _ *delivery, path string) { must(r, os.Remove(path)) }},
		{"a_link", "", func(r *round, d *delivery, path string) {
			must(r, os.Remove(path))
			must(r, os.Symlink(canary(r), path))
		}},
		{"a_hard_link", "", func(r *round, d *delivery, path string) { must(r, os.Remove(path)); must(r, os.Link(canary(r), path)) }},
		{"a_pipe", "", func(r *round, _ *delivery, path string) {
			must(r, os.Remove(path))
			must(r, syscall.Mkfifo(path, 0o600))
		}},
		{"a_folder", "", func(r *round, _ *delivery, path string) { must(r, os.Remove(path)); must(r, os.Mkdir(path, 0o700)) }},
		{"of_somebody_else", "", func(r *round, _ *delivery, path string) { r.own(); must(r, os.Chown(path, 65534, 65534)) }},
		{"open_to_all", "", func(r *round, _ *delivery, path string) { must(r, os.Chmod(path, 0o666)) }},
		{"without_rights", "", func(r *round, _ *delivery, path string) { must(r, os.Chmod(path, 0)) }},
		{"header_changed", ".tree", headerChanged},
		{"of_another_file", ".tree", ofAnotherFile},
		{"behind_its_claims", ".part", behindItsClaims},
	}
	for _, c := range damages {
		for _, suffix := range []string{".tree", ".part"} {
			if c.suffix != "" && c.suffix != suffix {
				continue
			}
			rounds := 2
			if c.name == "zeroed" || c.name == "behind_its_claims" {
				// Chunks that are claimed and are not there are asked for while others come.
				rounds = 10
			}
			for i := range rounds * f.c.rounds {
				f.play(fmt.Sprintf("%s_%s_%d", suffix[1:], c.name, i), func(r *round) { damaged(r, suffix, c.do) })
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(r *round, state string)
	}{
		{"open_to_all", func(r *round, state string) { must(r, os.Chmod(state, 0o777)) }},
		{"of_somebody_else", func(r *round, state string) { r.own(); must(r, os.Chown(state, 65534, 65534)) }},
		{"a_link", func(r *round, state string) {
			must(r, os.RemoveAll(state))
			must(r, os.Symlink(filepath.Dir(canary(r)), state))
		}},
		{"a_file", func(r *round, state string) { must(r, os.RemoveAll(state)); must(r, os.WriteFile(state, nil, 0o600)) }},
	} {
		f.play("folder_"+c.name, func(r *round) { foreignState(r, c.do) })
	}
}

// interrupted is a delivery of which a part is there.
func interrupted(r *round) *delivery {
	r.Helper()
	d := r.delivery(size{small: 4, large: []int{11*mib + 3}, fresh: r.IntN(2) == 0})
	d.died = true
	ready := make(chan struct{})
	var recv, send *process
	d.gate = r.gate(&fault{forth, 4*mib + r.Int64N(4*mib), then(func() { <-ready; recv.kill(); send.kill() })})
	recv, send = d.start()
	close(ready)
	e, s := d.finish(recv, send)
	d.gate.close()
	d.check(e, s)
	if len(partialsIn(r, d.out, ".part")) != 1 || len(partialsIn(r, d.out, ".tree")) != 1 {
		r.Fatalf("nothing to damage: %v", partialsIn(r, d.out, ""))
	}
	return d
}

func damaged(r *round, suffix string, do func(r *round, d *delivery, path string)) {
	d := interrupted(r)
	do(r, d, partialsIn(r, d.out, suffix)[0])
	r.hit()
	d.converge()
	checkCanary(r)
}

// foreignState: a folder of partials that is not ours alone is left as it is, and
// another one serves.
func foreignState(r *round, do func(r *round, state string)) {
	d := interrupted(r)
	state := filepath.Join(d.out, partials)
	do(r, state)
	r.hit()
	d.gate = nil
	d.shares = true
	before := strangers(r, d.out)
	recv, send := d.run()
	d.check(recv, send)
	if recv.exit != 0 || send.exit != 0 {
		r.Errorf("another folder would serve: %v\n%s%v", recv, recv.failures(), send)
	}
	if now := strangers(r, d.out); !maps.EqualFunc(now, before, sameFact) {
		r.Errorf("%v is there, it was %v", now, before)
	}
	checkCanary(r)
	must(r, os.RemoveAll(state))
	d.converge()
}

// strangers is the folder of partials that is there, and what is in it.
func strangers(r *round, out string) census {
	r.Helper()
	found := survey(r, out)
	maps.DeleteFunc(found, func(at string, _ fact) bool { return !stateful(at) })
	return found
}

// canary is a file outside the destination, which must stay as it is.
func canary(r *round) string {
	path := filepath.Join(r.folder("outside"), "canary")
	must(r, os.WriteFile(path, []byte(strings.Repeat("canary", 1000)), 0o600))
	return path
}

func checkCanary(r *round) {
	r.Helper()
	dir := filepath.Join(r.dir, "outside")
	names, err := os.ReadDir(dir)
	if err != nil {
		return // no canary in this round
	}
	b, err := os.ReadFile(filepath.Join(dir, "canary"))
	if err != nil || string(b) != strings.Repeat("canary", 1000) || len(names) != 1 {
		r.Errorf("the file outside was touched: %d bytes, %v, %v", len(b), names, err)
	}
}

func fileSize(r *round, path string) int64 {
	r.Helper()
	info, err := os.Stat(path)
	must(r, err)
	return info.Size()
}

func addTo(r *round, path string, b []byte) {
	r.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(r, err)
	defer f.Close()
	_, err = f.Write(b)
	must(r, err)
}

func flipBits(r *round, _ *delivery, path string) {
	b, err := os.ReadFile(path)
	must(r, err)
	for range 1 + r.IntN(20) {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
	must(r, os.WriteFile(path, b, 0o600))
}

// headerChanged makes it a tree of another version or of another file.
func headerChanged(r *round, _ *delivery, path string) {
	b, err := os.ReadFile(path)
	must(r, err)
	b[r.IntN(64)]++
	must(r, os.WriteFile(path, b, 0o600))
}

// ofAnotherFile keeps the header and gives the claims in another order.
func ofAnotherFile(r *round, _ *delivery, path string) {
	b, err := os.ReadFile(path)
	must(r, err)
	const header, claim = 64, 32
	claims := b[header:]
	for i := len(claims)/claim - 1; i > 0; i-- {
		j := r.IntN(i + 1)
		var swap [claim]byte
		copy(swap[:], claims[i*claim:])
		copy(claims[i*claim:(i+1)*claim], claims[j*claim:])
		copy(claims[j*claim:], swap[:])
	}
	must(r, os.WriteFile(path, b, 0o600))
}

// behindItsClaims loses the bytes and keeps what is claimed of them, as a power
// cut may.
func behindItsClaims(r *round, _ *delivery, path string) {
	n := fileSize(r, path)
	must(r, os.Truncate(path, r.Int64N(mib)))
	must(r, os.Truncate(path, n))
}
