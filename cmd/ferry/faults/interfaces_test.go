//go:build faults && linux

package faults

import (
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// interfaces is what befalls the machines' own network: each side is in a network
// namespace, with a slow wire between the two.
func interfaces(f *family) {
	f.aside("connection_killed", connectionKilled)
	f.aside("interface_down_and_up", interfaceFlaps)
	f.aside("sender_gets_another_address", otherAddress)
	f.aside("delay_and_loss", delayAndLoss)
}

// wire is a pair of namespaces: a sends from 10.99.N.1, b listens at 10.99.N.2.
type wire struct {
	r       *round
	a, b    string
	net     string
	ifa, fb string
}

func (r *round) wire(rate string) *wire {
	r.Helper()
	r.own()
	r.tool("ip", "tc", "nsenter")
	n := r.c.serial.Add(1)
	w := &wire{r: r, a: fmt.Sprint("fa", n), b: fmt.Sprint("fb", n), net: fmt.Sprint("10.99.", n%250), ifa: fmt.Sprint("va", n), fb: fmt.Sprint("vb", n)}
	for _, ns := range []string{w.a, w.b} {
		r.do("ip", "netns", "add", ns)
		r.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", ns).Run() })
	}
	r.do("ip", "link", "add", w.ifa, "netns", w.a, "type", "veth", "peer", "name", w.fb, "netns", w.b)
	w.at(w.a, "ip", "address", "add", w.net+".1/24", "dev", w.ifa)
	w.at(w.b, "ip", "address", "add", w.net+".2/24", "dev", w.fb)
	w.at(w.a, "ip", "link", "set", w.ifa, "up")
	w.at(w.b, "ip", "link", "set", w.fb, "up")
	w.at(w.a, "tc", "qdisc", "add", "dev", w.ifa, "root", "tbf", "rate", rate, "burst", "64k", "latency", "100ms")
	return w
}

// enter is a command that runs another in a network namespace. Unlike that of
// ip(8) it keeps to the mounts that are there: copies of them would hold the disks
// of other rounds.
func enter(ns string) []string { return []string{"nsenter", "--net=/run/netns/" + ns, "--"} }

// at runs a command in one of the namespaces.
func (w *wire) at(ns string, args ...string) {
	w.r.Helper()
	argv := append(enter(ns), args...)
	w.r.do(argv[0], argv[1:]...)
}

// deliver runs a delivery over the wire, and trouble once some of it is there.
func (w *wire) deliver(trouble func()) (d *delivery, e, s ending) {
	w.r.Helper()
	d = w.r.delivery(ample())
	d.retry = mending
	d.recv, d.send = impatient(), impatient()
	d.recv.netns, d.send.netns = w.b, w.a
	recv := d.receive(w.net + ".2:0")
	send := d.sendTo(recv.address())
	if recv.started() {
		trouble()
		w.r.hit()
	}
	s, e = send.wait(), recv.wait()
	return d, e, s
}

// started waits until an item of some size begins to move.
func (p *process) started() bool {
	_, ok := p.says("started")
	return ok
}

func connectionKilled(r *round) {
	r.tool("ss")
	w := r.wire("80mbit")
	d, e, s := w.deliver(func() {
		out, err := exec.Command("nsenter", "--net=/run/netns/"+w.a, "--", "ss", "-K", "dst", w.net+".2").CombinedOutput()
		if err != nil || !strings.Contains(string(out), w.net) {
			r.leave("ss -K kills no connection here: %v %s", err, firstLine(string(out)))
		}
	})
	d.through(e, s)
	if !s.lost() {
		r.Errorf("the link was not lost: %v", s)
	}
}

func interfaceFlaps(r *round) {
	w := r.wire("80mbit")
	d, e, s := w.deliver(func() {
		for range 4 {
			w.at(w.b, "ip", "link", "set", w.fb, "down")
			<-time.After(time.Duration(200+r.IntN(1500)) * time.Millisecond)
			w.at(w.b, "ip", "link", "set", w.fb, "up")
			<-time.After(500 * time.Millisecond)
		}
	})
	d.through(e, s)
}

// otherAddress: what is on its way to the old address never arrives.
func otherAddress(r *round) {
	w := r.wire("80mbit")
	d, e, s := w.deliver(func() {
		w.at(w.a, "ip", "address", "delete", w.net+".1/24", "dev", w.ifa)
		w.at(w.a, "ip", "address", "add", w.net+".7/24", "dev", w.ifa)
	})
	d.through(e, s)
	if !e.lost() {
		r.Errorf("the link was not lost: %v", e)
	}
}

func delayAndLoss(r *round) {
	w := r.wire("400mbit")
	if out, err := exec.Command("nsenter", "--net=/run/netns/"+w.b, "--", "tc", "qdisc", "add", "dev", w.fb, "root",
		"netem", "delay", "20ms", "5ms", "loss", "0.5%", "reorder", "2%").CombinedOutput(); err != nil {
		r.leave("netem is not in this kernel: %s", firstLine(string(out)))
	}
	d, e, s := w.deliver(func() {})
	d.through(e, s)
	if e.lost() || s.lost() {
		r.Errorf("delay and loss were taken for an end: %v, %v", e, s)
	}
}
