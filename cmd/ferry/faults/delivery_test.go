//go:build faults && linux

package faults

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// delivery is a folder, where it lands, and how the two ferries are run. The
// receiver listens and replaces what is there.
type delivery struct {
	r      *round
	source string
	out    string
	before picture // at its place before the first run
	sent   picture
	recv   side
	send   side
	// retry is for how long a lost link is mended, as ferry reads it.
	retry string
	gate  *gate // between the two, if there is one
	// second are flags of the sender in the run without the fault.
	second []string
	// shares: the destination holds partials of another delivery too.
	shares bool
	// died: a run was killed, which may leave a temporary name that no run goes
	// on from. It is told of, and removed when it is 30 days old.
	died bool
}

// mendNot leaves a lost link no time: for rounds in which one side dies.
const mendNot = "0s"

// delivery makes a source of that size, and older contents where it will land.
func (r *round) delivery(s size) *delivery { return r.deliveryTo(s, r.folder("out")) }

func (r *round) deliveryTo(s size, out string) *delivery {
	r.Helper()
	d := &delivery{r: r, source: filepath.Join(r.folder("from"), "tree"), out: out, retry: mendNot}
	must(r, os.Mkdir(d.source, 0o755))
	plant(r, d.source, s)
	d.sent = scan(r, d.source)
	d.before = litter(r, d.source, d.landed(), s)
	return d
}

// landed is the final place of the source.
func (d *delivery) landed() string { return filepath.Join(d.out, filepath.Base(d.source)) }

// received is what stands there now.
func (d *delivery) received() picture {
	d.r.Helper()
	if _, err := os.Lstat(d.landed()); errors.Is(err, fs.ErrNotExist) {
		return picture{}
	}
	return scan(d.r, d.landed())
}

// start runs both sides; send is nil if the receiver ended before it listened.
func (d *delivery) start() (recv, send *process) {
	d.r.Helper()
	recv = d.receive("127.0.0.1:0")
	address := recv.address()
	if address == "" {
		return recv, nil
	}
	if d.gate != nil {
		d.gate.lead(address)
		address = d.gate.address()
	}
	return recv, d.sendTo(address)
}

func (d *delivery) receive(listen string) *process {
	d.r.Helper()
	return d.r.run(d.recv, "receive", "--yes", "--out", d.out, "--on-conflict", "overwrite", "--listen", listen, "--retry-for", d.retry)
}

func (d *delivery) sendTo(address string) *process {
	d.r.Helper()
	return d.r.run(d.send, "send", d.source, "--to", address, "--wait", "2s", "--retry-for", d.retry)
}

// run is one attempt. A receiver whose sender is gone, or never was able to
// start, waits for the next one: it is ended.
func (d *delivery) run() (recv, send ending) {
	d.r.Helper()
	return d.finish(d.start())
}

func (d *delivery) finish(recv, send *process) (ending, ending) {
	d.r.Helper()
	if send == nil {
		return recv.wait(), ending{name: "send", exit: -1}
	}
	s := send.wait()
	if s.exit != 0 && !recv.met() {
		recv.kill()
	}
	return recv.wait(), s
}

// check holds both endings and what is on disk against the promise.
func (d *delivery) check(endings ...ending) {
	d.r.Helper()
	got := d.received()
	done := false
	for _, e := range endings {
		switch e.exit {
		case 0:
			done = true
		case -1, 130, 143:
		case 1, 3, 5, 6, 2: // 2 where a source cannot even be looked at
			if !e.explained() {
				d.r.Errorf("no cause is named: %v", e)
			}
			if !e.advised() {
				d.r.Errorf("no next step is named: %v", e)
			}
		default:
			d.r.Errorf("an exit code that this fault does not explain: %v", e)
		}
	}
	for _, e := range endings {
		d.shares = d.shares || e.leaves()
	}
	if done {
		equal(d.r, "after exit code 0", whatWasKept(d.sent, got, endings), withoutPartials(got))
		if !d.shares {
			d.tidy()
		}
	} else {
		whole(d.r, "after a failure", d.before, d.sent, got)
	}
	if d.r.Failed() {
		for _, e := range endings {
			d.r.Logf("%v\n%s", e, e.failures())
		}
	}
}

// whatWasKept is what was sent, but for the modes that a receiver said it could not set.
func whatWasKept(sent, got picture, endings []ending) picture {
	sent = maps.Clone(sent)
	for _, e := range endings {
		for _, t := range e.all {
			at := strings.TrimPrefix(t.Path, "tree/")
			if w, was := sent[at]; t.Type == "warned" && t.What == "mode" && was {
				w.mode = got[at].mode
				sent[at] = w
			}
		}
	}
	return sent
}

// withoutPartials leaves out ferry's own folder; tidy looks at it.
func withoutPartials(p picture) picture {
	for path := range p {
		if filepath.Base(path) == partials {
			delete(p, path)
		}
	}
	return p
}

// tidy: success leaves nothing of ferry's own.
func (d *delivery) tidy() {
	d.r.Helper()
	names, err := os.ReadDir(filepath.Join(d.out, partials))
	for _, n := range names {
		if !d.died || filepath.Ext(n.Name()) != ".tmp" {
			d.r.Errorf("exit code 0 left %q", n.Name())
		}
	}
	if err == nil && len(names) == 0 {
		d.r.Error("exit code 0 left an empty folder of partials")
	}
}

// converge runs the same command without the fault, which has to end well, and
// returns the sender's ending.
func (d *delivery) converge() ending {
	d.r.Helper()
	again := *d
	again.recv, again.send, again.gate = side{uid: d.recv.uid}, side{flags: d.second}, nil
	recv, send := again.run()
	if recv.exit != 0 || send.exit != 0 {
		d.r.Errorf("without the fault: %v\n%s%v\n%s", recv, recv.failures(), send, send.failures())
		return send
	}
	again.check(recv, send)
	return send
}
