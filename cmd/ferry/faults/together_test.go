//go:build faults && linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
)

// together runs what gets in each other's way: two deliveries to one name, one
// delivery twice, sources and destinations inside each other. It ends with a
// clear refusal or one clean winner.
func together(f *family) {
	for i := range 6 * f.c.rounds {
		f.play(fmt.Sprintf("two_to_one_name_%d", i), rivals)
		f.play(fmt.Sprintf("the_same_twice_%d", i), twice)
	}
	f.play("destination_inside_source", destinationInside)
	f.play("copy_into_itself", copyIntoItself)
	f.play("source_inside_destination", sourceInside)
	f.play("source_is_destination", onItself)
}

// pair runs two deliveries beside each other, slowly enough to meet.
func (r *round) pair(a, b *delivery) (ends [4]ending) {
	r.Helper()
	const pace = 24 * mib // bytes a second
	a.gate, b.gate = r.gate(&fault{forth, 1, slowTo(pace)}), r.gate(&fault{forth, 1, slowTo(pace)})
	ra, sa := a.start()
	rb, sb := b.start()
	if sa == nil || sb == nil {
		r.Fatalf("not started: %v, %v", ra.wait(), rb.wait())
	}
	ends[0], ends[1] = a.finish(ra, sa)
	ends[2], ends[3] = b.finish(rb, sb)
	return ends
}

// understood: a delivery that met another one ends with 0, or it says so.
func understood(r *round, ends [4]ending) {
	r.Helper()
	for _, e := range ends {
		switch e.exit {
		case 0:
		case 1, 6:
			if !e.explained() || !e.advised() {
				r.Errorf("no cause or no next step: %v", e)
			}
		default:
			r.Errorf("a rival does not explain this: %v\n%s", e, e.failures())
		}
	}
}

func rivals(r *round) {
	a := r.delivery(little())
	a.shares = true
	b := *a
	b.source = filepath.Join(r.folder("other"), "tree")
	must(r, os.Mkdir(b.source, 0o755))
	plant(r, b.source, little())
	b.sent = scan(r, b.source)
	ends := r.pair(a, &b)
	understood(r, ends)
	got := a.received()
	for path, g := range got {
		if g.mode.IsDir() || filepath.Base(path) == partials {
			continue
		}
		if !alike(g, a.sent[path]) && !alike(g, b.sent[path]) && !alike(g, a.before[path]) {
			r.Errorf("%q is of neither: %v", path, g)
		}
	}
	if ends[0].exit == 0 || ends[2].exit == 0 {
		for path, w := range a.sent {
			if g := got[path]; !w.mode.IsDir() && !alike(g, w) && !alike(g, b.sent[path]) {
				r.Errorf("exit code 0, and %q is of neither: %v", path, g)
			}
		}
	}
	a.converge()
}

// alike compares all but links' times, which are not kept.
func alike(a, b item) bool {
	return a.mode == b.mode && a.size == b.size && a.sum == b.sum && a.link == b.link && a.mtime.Equal(b.mtime)
}

func twice(r *round) {
	a := r.delivery(little())
	b := *a
	ends := r.pair(a, &b)
	understood(r, ends)
	if ends[0].exit == 0 || ends[2].exit == 0 {
		equal(r, "after exit code 0", a.sent, withoutPartials(a.received()))
	} else {
		whole(r, "after two failures", a.before, a.sent, a.received())
	}
	a.converge()
}

// destinationInside: what is sent holds the folder where it lands. It must end,
// and not with 0 unless all that was there at first has arrived.
func destinationInside(r *round) {
	d := &delivery{r: r, source: filepath.Join(r.folder("from"), "tree"), retry: mendNot, before: picture{}}
	must(r, os.Mkdir(d.source, 0o755))
	plant(r, d.source, size{small: 14})
	d.out = filepath.Join(d.source, "sub", "out")
	must(r, os.Mkdir(d.out, 0o755))
	before := scan(r, d.source)
	recv, send := d.run()
	r.hit()
	got := d.received()
	for path, w := range before {
		if w.mode.IsRegular() && (send.exit == 0 || recv.exit == 0) && !alike(got[path], w) {
			r.Errorf("exit code 0 and %q is not there as it was: %v", path, got[path])
		}
		if now := scan(r, filepath.Dir(filepath.Join(d.source, path))); w.mode.IsRegular() && !alike(now[filepath.Base(path)], w) {
			r.Errorf("the source's %q was changed", path)
		}
	}
	depth := 0
	for inner := d.landed(); ; depth++ {
		if _, err := os.Lstat(inner); err != nil {
			break
		}
		inner = filepath.Join(inner, "sub", "out", "tree")
	}
	if depth > 2 {
		r.Errorf("it went %d levels into itself: %v, %v", depth, recv, send)
	}
	r.Logf("%d levels: %v, %v", depth, recv, send)
}

func copyIntoItself(r *round) {
	source := r.folder("tree")
	plant(r, source, little())
	inside := filepath.Join(source, "sub", "out")
	before := scan(r, source)
	e := r.run(side{}, "copy", source, inside).wait()
	r.hit()
	if e.exit != 2 || e.result.Error.Message == "" {
		r.Errorf("want a refusal: %v", e)
	}
	equal(r, "after the refusal", before, scan(r, source))
}

// sourceInside: what is sent is a folder of the destination's, which is not in
// the way.
func sourceInside(r *round) {
	d := r.deliveryTo(little(), r.folder("from"))
	d.before = d.sent
	inner := filepath.Join(d.out, "inner", "tree")
	must(r, os.MkdirAll(filepath.Dir(inner), 0o755))
	must(r, os.Rename(d.source, inner))
	d.source = inner
	d.sent = scan(r, inner)
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit != 0 || send.exit != 0 {
		r.Errorf("nothing was in the way: %v, %v", recv, send)
	}
	equal(r, "the source", d.sent, scan(r, inner))
}

// onItself: every item is its own copy already.
func onItself(r *round) {
	d := &delivery{r: r, source: filepath.Join(r.folder("from"), "tree"), retry: mendNot}
	must(r, os.Mkdir(d.source, 0o755))
	plant(r, d.source, little())
	d.out = filepath.Dir(d.source)
	d.sent = scan(r, d.source)
	d.before = d.sent
	d.send.flags = []string{"--checksum"}
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	equal(r, "the source", d.sent, scan(r, d.source))
}
