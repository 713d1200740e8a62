//go:build faults && linux

package faults

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// store delivers to a real store and takes from it, while the way there has faults, and ferry
// dies. All rounds share one server, each with a prefix and a proxy of its own.
func store(f *family) {
	folder := filepath.Join(f.c.scratch, "store")
	must(f, os.MkdirAll(folder, 0o755))
	server := objecttest.StartVersity(f, folder, "")
	with := func(run func(d *depot)) func(r *round) {
		return func(r *round) { run(r.depot(folder, server.URL)) }
	}
	f.Run("rounds", func(t *testing.T) { // which end before the server does
		g := &family{T: t, c: f.c, name: f.name}
		for i := range 16 * f.c.rounds {
			g.beside(fmt.Sprintf("bad_way_%d", i), with(badWay))
			g.beside(fmt.Sprintf("kill_%d", i), with(killAtStore))
		}
		for i := range 8 * f.c.rounds {
			g.beside(fmt.Sprintf("both_%d", i), with(func(d *depot) { d.random(25); killAtStore(d) }))
			g.beside(fmt.Sprintf("receiver_%d", i), with(killStoring))
		}
		for _, l := range lies() {
			g.beside(strings.ReplaceAll(fmt.Sprintf("lie_%v_to_%s", l.Fault, l.Op), " ", "_"), with(func(d *depot) { lied(d, l) }))
		}
	})
}

// depot is a prefix in the store, reached through a proxy.
type depot struct {
	r      *round
	proxy  *objecttest.Proxy
	direct string // URL of the store, without the proxy
	folder string // where the server keeps the bucket
	prefix string
	source string
	sent   picture
	env    []string
	died   bool // a ferry did, in the middle
	lossy  bool // answers were lost
	denied bool // requests are, and so may be one that clears up
}

// place is where a tree lands as a whole.
func (d *depot) place() string { return "s3://" + objecttest.Name + "/" + d.prefix }

// depot makes a tree to deliver, and a way to the store.
func (r *round) depot(folder, url string) *depot {
	d := &depot{r: r, folder: filepath.Join(folder, objecttest.Name), prefix: filepath.Base(r.dir), direct: url}
	r.Cleanup(func() { _ = os.RemoveAll(filepath.Join(d.folder, d.prefix)) }) // the disk of all rounds is small
	options := objecttest.Options(url)
	d.proxy = objecttest.Faulty(r, options)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		d.env = append(d.env, name+"="+options.Getenv(name))
	}
	d.env = append(d.env, "AWS_ENDPOINT_URL_S3="+d.proxy.Options().Endpoint, "AWS_EC2_METADATA_DISABLED=true", "FERRY_FIND=off")
	d.source = filepath.Join(r.folder("sent"), "tree")
	must(r, os.MkdirAll(filepath.Join(d.source, "sub"), 0o755))
	must(r, os.Mkdir(filepath.Join(d.source, "empty"), 0o750))
	for i := range 12 {
		must(r, os.WriteFile(filepath.Join(d.source, "sub", fmt.Sprint("small", i)), content(r.Rand, r.IntN(9000)), 0o640))
	}
	must(r, os.WriteFile(filepath.Join(d.source, "large"), content(r.Rand, 17*mib+r.IntN(16*mib)), 0o644))
	must(r, os.WriteFile(filepath.Join(d.source, "middle"), content(r.Rand, 2*mib), 0o600))
	d.sent = scan(r, d.source)
	return d
}

// faults are what the way to a store may do to a request, all of which ferry can mend.
func faults() []objecttest.Rule {
	return []objecttest.Rule{
		{Fault: objecttest.Refuse}, {Fault: objecttest.CutRequest, N: 100 * kib}, {Fault: objecttest.LoseAnswer},
		{Fault: objecttest.CutAnswer, N: 20}, {Fault: objecttest.Hold, Delay: 300 * time.Millisecond}, {Fault: objecttest.Spoil},
		{Fault: objecttest.Status, N: 500}, {Fault: objecttest.Status, N: 503}, {Fault: objecttest.StatusAfter, N: 500},
		{Fault: objecttest.StatusAfter, N: 503}, {Fault: objecttest.Status, N: 503, Code: "SlowDown"}, {Fault: objecttest.Truncate, N: 7},
	}
}

// random has one in so many requests fail.
func (d *depot) random(oneIn int) {
	d.lossy = true
	d.proxy.Random(d.r.Uint64(), oneIn, faults()...)
}

// copying starts a copy of the tree to the place.
func (d *depot) copying() *process {
	return d.r.run(side{env: d.env}, "copy", d.source, d.place())
}

// badWay copies over a way that has faults. What it cannot mend, the next run does.
func badWay(d *depot) {
	d.random(4 + d.r.IntN(20))
	if d.r.IntN(4) == 0 { // and one that nothing mends
		d.denied = true
		d.proxy.Random(d.r.Uint64(), 40, append(faults(), objecttest.Rule{Fault: objecttest.Status, N: 403})...)
	}
	e := d.copying().wait()
	d.r.hit()
	d.check(e)
	d.converge()
}

// killAtStore kills a copy again and again, at any moment, until it is through.
func killAtStore(d *depot) {
	for range 1 + d.r.IntN(4) {
		p := d.copying()
		if d.r.IntN(3) > 0 { // else at once
			p.says("phase")
		}
		timer := time.NewTimer(time.Duration(d.r.IntN(900)) * time.Millisecond)
		select {
		case <-timer.C:
			p.kill()
			d.died = true
			d.r.hit()
		case <-p.ended:
			timer.Stop()
		}
		d.check(p.wait())
		if d.r.Failed() {
			return
		}
	}
	d.converge()
}

// killStoring is the same at a receiver, whose sender is told, and then comes back.
func killStoring(d *depot) {
	recv := d.r.run(side{env: d.env}, "receive", "--yes", "--listen", "127.0.0.1:0", "--out", d.place())
	send := d.r.run(side{env: d.env}, "send", "--to", recv.address(), "--retry-for", "1s", d.source)
	recv.says("offer")
	timer := time.NewTimer(time.Duration(d.r.IntN(900)) * time.Millisecond)
	select {
	case <-timer.C:
		recv.kill()
		d.died = true
		d.r.hit()
	case <-recv.ended:
		timer.Stop()
	}
	e, s := recv.wait(), send.wait()
	d.check(e)
	if s.exit == 0 && e.exit != 0 && d.r.struck.Load() {
		d.whole("the sender has a receipt") // the receiver died after it
	} else if s.exit != 0 && s.exit != 3 {
		d.r.Errorf("the sender of a receiver that died: %v", s)
	}
	d.converge()
}

// lies are what a store may tell wrongly of what it was given.
func lies() []objecttest.Rule {
	var all []objecttest.Rule
	for _, op := range []string{"put", "part", "complete"} {
		all = append(all, objecttest.Rule{Op: op, Fault: objecttest.LieETag})
	}
	return append(all, objecttest.Rule{Op: "put", Fault: objecttest.Spoil}, objecttest.Rule{Op: "part", Fault: objecttest.Spoil})
}

// lied: a lie about each object, or each part, is noticed. Objects of ferry's own are lied
// about too, so that some of a moment may be left.
func lied(d *depot, lie objecttest.Rule) {
	d.proxy.Set(lie)
	d.died = true
	e := d.copying().within(3 * patience)
	d.r.hit()
	if e.exit == 0 {
		d.r.Errorf("a lie was not noticed: %v", e)
	}
	d.check(e)
	d.converge()
}

// check is what holds after every end. A failure is one of the contract, and has no XML.
func (d *depot) check(e ending) {
	d.r.Helper()
	switch e.exit {
	case 0:
		d.whole("exit code 0")
		if !d.denied {
			d.clean()
		}
	case -1:
	case 1, 3, 4, 5, 6:
		if !e.explained() {
			d.r.Errorf("no cause is told: %v", e)
		}
	default:
		d.r.Errorf("an exit code that is not expected here: %v", e)
	}
	for _, text := range append([]string{e.stderr, e.result.Error.Message}, e.failures()) {
		if strings.Contains(text, "<?xml") || strings.Contains(text, "<Error>") {
			d.r.Errorf("XML is shown: %s", text)
		}
	}
	// Under a key stands all of an object or nothing.
	for path, it := range d.objects() {
		if want := d.sent[path]; it.sum != want.sum || it.size != want.size {
			d.r.Errorf("the object %q is not what was sent: %d bytes, want %d", path, it.size, want.size)
		}
	}
}

// converge runs the same copy without faults, which ends well.
func (d *depot) converge() {
	d.r.Helper()
	d.proxy.Set()
	d.denied = false
	there := int64(0)
	for path, it := range d.objects() {
		if it.sum == d.sent[path].sum {
			there += it.size
		}
	}
	e := d.copying().wait()
	if e.exit != 0 {
		d.r.Errorf("without faults it does not end well: %v\n%s", e, e.failures())
		return
	}
	if most := d.sent.bytes() - there; e.result.Moved > most {
		d.r.Errorf("%d bytes were moved, and only %d were not there", e.result.Moved, most)
	}
	d.check(e)
}

// objects are the files that the server keeps for the tree, by their paths in it.
func (d *depot) objects() map[string]item {
	d.r.Helper()
	root := filepath.Join(d.folder, d.prefix, "tree")
	if _, err := os.Stat(root); os.IsNotExist(err) {
		return nil
	}
	all := make(map[string]item)
	for path, it := range scan(d.r, root) {
		if !it.mode.IsDir() {
			all[path] = it
		}
	}
	return all
}

// whole compares all objects, and their metadata, with what was sent.
func (d *depot) whole(when string) {
	d.r.Helper()
	got := d.objects()
	for path, want := range d.sent {
		if want.mode.IsDir() {
			continue
		}
		it, there := got[path]
		if !there || it.sum != want.sum {
			d.r.Errorf("%s, and the object %q is missing or another", when, path)
			continue
		}
		content, err := os.ReadFile(filepath.Join(d.source, path))
		must(d.r, err)
		digest := blake3.Sum256(content)
		meta := d.metadata(path)
		stamp := fmt.Sprintf("%d.%09d", want.mtime.Unix(), want.mtime.Nanosecond())
		has, of := meta["blake3"], hex.EncodeToString(digest[:])
		if d.died && path == "large" && has == "" {
			has = of // who dies right behind an upload leaves it without: package object says so
		}
		if has != of || !sameStamp(meta["mtime"], stamp) || meta["mode"] != strconv.FormatUint(uint64(want.mode.Perm()), 8) {
			d.r.Errorf("%s, and the metadata of %q is %v", when, path, meta)
		}
	}
	if _, err := os.Stat(filepath.Join(d.folder, d.prefix, "tree", "empty")); err != nil {
		d.r.Errorf("%s, and the empty folder is not there: %v", when, err)
	}
}

// sameStamp compares seconds with a fraction, whose last zeros may be left out.
func sameStamp(a, b string) bool {
	trim := func(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }
	return strings.Contains(a, ".") && trim(a) == trim(b) || a+".000000000" == b
}

// metadata is what the server has noted as the user metadata of an object.
func (d *depot) metadata(path string) (meta map[string]string) {
	d.r.Helper()
	value := make([]byte, 64*kib)
	n, err := unix.Getxattr(filepath.Join(d.folder, d.prefix, "tree", path), "user.metadata", value)
	if err != nil {
		d.r.Errorf("the metadata of %q: %v", path, err)
		return nil
	}
	must(d.r, json.Unmarshal(value[:n], &meta))
	return meta
}

// clean: after a success nothing of ferry's own is left.
func (d *depot) clean() {
	d.r.Helper()
	b, err := bucket.Open(d.r.Context(), d.place(), bucket.Options{Endpoint: d.direct, Getenv: d.proxy.Options().Getenv})
	must(d.r, err)
	defer b.Close()
	for _, u := range objecttest.Uploads(d.r, b) {
		if d.died || d.lossy {
			continue // one whose beginning nobody heard of: as it died, or as the answer was lost
		}
		d.r.Errorf("an upload is left: %v", u)
	}
	for o, err := range b.List(d.r.Context(), partials+"/", true) {
		must(d.r, err)
		if d.died && passing(o.Key) {
			continue
		}
		d.r.Errorf("a state is left: %v", o.Key)
	}
}

// passing tells objects of a moment, of which one is left by who dies at that moment.
func passing(key string) bool {
	name := filepath.Base(key)
	return strings.HasPrefix(name, "probe-") || strings.HasPrefix(name, "clock-")
}
