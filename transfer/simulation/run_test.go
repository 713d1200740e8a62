package simulation

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// simWorld is one run of the simulation: two hosts on which a process is started
// again and again until the delivery is done, as a user would.
type simWorld struct {
	t      *testing.T // of the bubble
	plan   *simPlan
	tree   *simTree
	net    *simNet
	disk   *simDisk
	folder string // a real one, in place of disk
	temp   string
	code   link.Code
	oracle

	mu    sync.Mutex
	rng   *rand.Rand
	procs [2]*simProcess
	// excused: the receiver has ended well without having seen that the sender
	// knows, a stream was read in vain, or a connection lost bytes and stood still.
	// The sender has to be started again.
	excused atomic.Bool
	// complaints: what one run of each side should not have ended with.
	complaints []string
	last       [2]error           // how the last process of each side ended
	done       context.CancelFunc // the sender has its receipt
}

// simProcess is one run of ferry.
type simProcess struct {
	owner
	ctx    context.Context
	cancel context.CancelFunc
	folder *simFolder // nil until it has one in memory
	quiet  int        // faults that had happened when it was accepted
	missed int64      // what the receiver lacked then, in bytes
}

const (
	simWait  = time.Hour // of a dialler for the other side
	simRetry = 10 * time.Minute
	// simFarewell is longer than the receiver's wait for the goodbye and the
	// sender's for the end of the connection.
	simFarewell = time.Minute
)

// simulate runs the plan to its end, in a bubble.
func simulate(t *testing.T, plan *simPlan, tree *simTree, temp string) {
	code, err := link.ParseCode("7-simulated-code")
	deliverytest.Must(t, err)
	w := &simWorld{t: t, plan: plan, tree: tree, temp: temp, code: code, rng: rand.New(rand.NewPCG(plan.seed, 2))}
	w.net = newSimNet(rand.New(rand.NewPCG(plan.seed, 3)), &plan.line, w.happen)
	w.disk = newSimDisk(rand.New(rand.NewPCG(plan.seed, 4)), w.happen, &w.foreign)
	w.disk.pace = plan.pace
	w.prepare()
	var timers []*time.Timer
	for _, f := range plan.faults {
		switch {
		case f == plan.ask.cut: // happens in a deletion
		case f.nth > 0:
			w.disk.faults = append(w.disk.faults, f)
		case f.afterBytes >= 0:
			w.net.faults = append(w.net.faults, f)
		default:
			timers = append(timers, time.AfterFunc(f.at, func() {
				w.net.mu.Lock()
				defer w.net.mu.Unlock()
				w.net.apply(f)
			}))
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 12*time.Hour)
	defer stop()
	waiting, done := context.WithCancel(ctx)
	w.done = done
	defer done()
	var sides sync.WaitGroup
	for h := range host(2) {
		sides.Go(func() { w.supervise(ctx, waiting, h) })
	}
	sides.Wait()
	for _, timer := range timers {
		timer.Stop()
	}
	if !w.excused.Load() {
		for _, c := range w.complaints {
			t.Error(c)
		}
	}
	if w.procs[senderHost] != nil && waiting.Err() == nil {
		t.Error("the delivery was given up")
	}
}

// supervise starts the process of a side until the sender's has ended well.
func (w *simWorld) supervise(ctx, waiting context.Context, h host) {
	time.Sleep(w.plan.late[h])
	for run := 1; waiting.Err() == nil; run++ {
		if run > 3+2*len(w.plan.faults) {
			w.t.Errorf("the %v was started %d times and is not done; the last errors are: %v; %v", h, run-1, w.last[0], w.last[1])
			w.done()
			return
		}
		p := &simProcess{owner: owner{host: h}}
		p.ctx, p.cancel = context.WithCancel(ctx)
		w.mu.Lock()
		w.procs[h] = p
		pause := time.Duration(w.rng.IntN(5000)) * time.Millisecond
		w.mu.Unlock()
		res, err := w.run(waiting, p)
		killed := p.dead.Load()
		if !killed {
			w.net.kill(&p.owner, false) // the kernel closes what it left open
		}
		p.cancel()
		w.mu.Lock()
		w.last[h] = err
		w.mu.Unlock()
		if !killed && w.judge(p, res, err) {
			if h == senderHost {
				w.done()
				return
			}
			if !res.Acknowledged {
				w.excused.Store(true)
			}
			// The sender may not have heard of it, and then comes back.
			select {
			case <-waiting.Done():
			case <-time.After(simFarewell):
			}
		}
		if waiting.Err() == nil {
			time.Sleep(pause)
		}
	}
}

// run is the main function of a process.
func (w *simWorld) run(waiting context.Context, p *simProcess) (transfer.Result, error) {
	role := link.Sender
	if p.host == receiverHost {
		role = link.Receiver
	}
	cfg := link.Config{Role: role, Capabilities: w.plan.compress.Capabilities() | framing.CapWide | framing.CapCopy | w.plan.ask.capabilities(), Code: w.code, RetryFor: simRetry, Connect: func(ctx context.Context, _ link.Want) (c net.Conn, err error) { return w.net.dial(ctx, &p.owner) }}
	// While it waits for the other side, the end of all this ends it too.
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	defer context.AfterFunc(waiting, stop)()
	m, err := w.meeting(cfg, p)
	if err != nil {
		return transfer.Result{}, err
	}
	defer m.close()
	for {
		l, err := m.meet(ctx)
		if err != nil {
			return transfer.Result{}, err
		}
		res, err := w.deliver(p, l)
		if !errors.Is(err, link.ErrBegunAnew) {
			return res, err
		}
		if len(w.tree.ends) > 0 || w.plan.class == classOutput {
			w.excused.Store(true) // a stream cannot begin again in the same process
			return res, err
		}
	}
}

// meeting is how a process gets a link, and another when the other side has begun
// anew.
type meeting struct {
	listener *link.Listener // nil at the side that dials
	config   link.Config
}

func (w *simWorld) meeting(cfg link.Config, p *simProcess) (meeting, error) {
	if w.plan.senderListens != (p.host == senderHost) {
		return meeting{config: cfg}, nil
	}
	ln, err := link.Serve(w.net.listen(&p.owner), cfg)
	return meeting{listener: ln}, err
}

func (m meeting) meet(ctx context.Context) (*link.Link, error) {
	if m.listener != nil {
		return m.listener.Accept(ctx)
	}
	return link.Dial(ctx, "other:1", m.config, simWait)
}

// close ends the listener: its links are closed already.
func (m meeting) close() {
	if m.listener != nil {
		_ = m.listener.Close()
	}
}

func (w *simWorld) deliver(p *simProcess, l *link.Link) (transfer.Result, error) {
	defer w.mover(p, l)()
	if p.host == receiverHost {
		return w.receive(p, l)
	}
	w.mu.Lock()
	sources := w.tree.sources(w.rng, w.plan.named)
	w.mu.Unlock()
	return w.send(p, l, send.Options{Sources: sources, Checksum: w.plan.checksum, Compress: w.plan.compress, Streams: w.plan.streams})
}

func (w *simWorld) receive(p *simProcess, l *link.Link) (transfer.Result, error) {
	o := receive.Options{OnConflict: w.plan.policy, Links: transfer.LinksAll, Streams: w.plan.streams}
	if w.plan.slow {
		limit, err := transfer.NewLimit(8 << 20)
		if err != nil {
			return transfer.Result{}, errors.Join(err, l.Close())
		}
		o.Limit = limit
	}
	o.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if s := w.procs[senderHost]; s != nil {
			s.quiet = w.plan.happened()
			s.missed = w.missing()
		}
		return nil
	}
	switch {
	case w.plan.class == classOutput:
		out := new(bytes.Buffer)
		o.Output = out
		res, err := receive.Receive(p.ctx, l, o)
		if err == nil {
			w.checkOutput(out)
		}
		return res, err
	case w.folder != "":
		d, err := local.NewFolder(w.folder, local.FolderOptions{})
		if err != nil {
			return transfer.Result{}, errors.Join(err, l.Close())
		}
		o.Destination = d
	default:
		f := w.disk.open(w.t, p, w.plan.changes())
		w.mu.Lock()
		p.folder = f
		w.mu.Unlock()
		o.Destination = f
	}
	res, err := w.take(p, l, o)
	return res, errors.Join(err, o.Destination.Close())
}

// happen carries out a fault that is not the network's own.
func (w *simWorld) happen(f *simFault) {
	w.mu.Lock()
	p := w.procs[f.host]
	var folder *simFolder
	if p != nil {
		folder = p.folder
	}
	w.mu.Unlock()
	switch {
	case f.what == faultSource:
		w.changeSource(f.change)
	case p == nil || p.dead.Load():
	case f.what == faultInterrupt:
		p.cancel()
	default:
		power := f.what == faultPower
		w.net.kill(&p.owner, power)
		if folder != nil {
			folder.Kill()
		}
		if power && f.host == receiverHost {
			w.disk.powerCut()
		}
		w.checkNames()
		p.cancel()
	}
}
