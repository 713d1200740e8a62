//go:build load && linux

package load

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	crowdKeys = 10 // that the clients of the crowd share
	gangs     = 24 // strangers that are there at once

	// serveMemory is --memory as it is if not given, and linkMemory what a link takes beside it.
	serveMemory = 256 << 20
	linkMemory  = 256 << 10
)

// crowd is one server, and many who come at once.
type crowd struct {
	*site
	at      *server
	friends []*friend
	book    *book
	alone   time.Duration // that a small delivery takes
	cost    time.Duration // of processors, at the client and the server
}

// job is one delivery of the crowd.
type job struct {
	name  string
	by    *friend
	small bool
	args  []string
	sent  string // what is compared with what has come
	came  string
	run   *run
}

func TestCrowd(t *testing.T) {
	c := &crowd{site: newSite(t), book: &book{t: t, did: make(map[string]int)}}
	for i := range crowdKeys {
		c.friends = append(c.friends, c.friend(fmt.Sprint("friend", i), fmt.Sprintf(`path="of%d"`, i)))
	}
	must(t, c.writeKeys())
	c.flags = []string{"--max-links", fmt.Sprint(*clientsFlag + *largeFlag + 16)}
	var err error
	c.at, err = c.serve("127.0.0.1:0")
	must(t, err)
	idle := c.at.look()
	fmt.Printf("crowd: %d clients of %d files, %d of %d MiB, %d strangers; %d processors, load %s", *clientsFlag, *smallFlag, *largeFlag, *sizeFlag, gangs, runtime.NumCPU(), loadOf())

	c.one()
	ending := make(chan struct{})
	var strangers sync.WaitGroup
	for i := range gangs {
		strangers.Go(func() { c.gang(uint64(i), ending) })
	}
	c.beside()
	c.together()
	close(ending)
	strangers.Wait()

	now := c.at.look()
	if most := idle.peak + (serveMemory+int64(*clientsFlag+*largeFlag)*linkMemory)>>10; now.peak > most {
		t.Errorf("the server had %d KiB of memory, and %d is the most it may", now.peak, most)
	}
	fmt.Printf("server: %v; before the first client: %v; %s\n", now, idle, c.at.tell())
	if text, ok := c.at.settles(idle); !ok {
		t.Error(text)
	}
	if c.at.died() {
		t.Errorf("the server ended by itself: %v: %s", c.at.cmd.ProcessState, c.at.said())
	}
}

// loadOf is what else the machine does.
func loadOf() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return string(b)
}

// gang is one stranger after another.
func (c *crowd) gang(id uint64, ending <-chan struct{}) {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<40+id))
	for {
		select {
		case <-ending:
			return
		case <-time.After(time.Duration(r.Int64N(int64(2 * time.Second)))):
			strange(c.at.address, r.IntN(len(strangeKinds)), r.Uint64(), ending)
		}
	}
}

// small makes the delivery of a small tree.
func (c *crowd) small(phase string, i int) *job {
	by := c.friends[i%len(c.friends)]
	name := fmt.Sprintf("%s-%d", phase, i)
	dir := filepath.Join(c.dir, "from", name)
	must(c.t, os.MkdirAll(dir, 0o755))
	r := rand.New(rand.NewPCG(*seedFlag, uint64(i)))
	for k := range *smallFlag {
		must(c.t, plantFile(r, filepath.Join(dir, fmt.Sprint("file", k)), r.Int64N(8<<10)))
	}
	return &job{name: name, by: by, small: true, args: by.to(c.at.address, "in", dir), sent: dir, came: filepath.Join(c.root, "of"+by.name[len("friend"):], "in", name)}
}

// large makes the delivery of a large file, there or back.
func (c *crowd) large(phase string, i int) *job {
	by := c.friends[i%len(c.friends)]
	name := fmt.Sprintf("%s-large-%d", phase, i)
	from, to := filepath.Join(c.dir, "from", name), filepath.Join(c.root, "of"+by.name[len("friend"):])
	down := i%2 == 1
	if down {
		from, to = filepath.Join(to, "out", name), filepath.Join(c.dir, "out", name)
	} else {
		to = filepath.Join(to, "in")
	}
	must(c.t, os.MkdirAll(from, 0o755))
	must(c.t, plantFile(rand.New(rand.NewPCG(*seedFlag, 1<<20+uint64(i))), filepath.Join(from, "file"), *sizeFlag<<20))
	j := &job{name: name, by: by, args: by.to(c.at.address, "in", from), sent: from, came: filepath.Join(to, name)}
	if down {
		j.args = by.from(c.at.address, "out/"+name, to)
	}
	return j
}

// finish waits for a delivery, and holds what came against what was sent.
func (c *crowd) finish(j *job) {
	if exit := j.run.wait(); exit != 0 || !j.run.result.OK {
		c.book.fail("%s: want 0: %v", j.name, j.run)
	}
}

// check compares, once nothing runs any more, and removes both.
func (c *crowd) check(j *job) {
	sent, err := scan(j.sent)
	if err != nil {
		c.book.fail("%s: %v", j.name, err)
		return
	}
	got, err := scan(j.came)
	if text := sent.differs(got); text != "" || err != nil {
		c.book.fail("%s: %v %s", j.name, err, text)
	}
	_ = os.RemoveAll(j.sent)
	_ = os.RemoveAll(j.came)
}

func (c *crowd) start(j *job) {
	var err error
	j.run, err = j.by.start(j.args...)
	must(c.t, err)
}

// one measures small deliveries that are alone.
func (c *crowd) one() {
	var took []time.Duration
	for i := range 5 {
		j := c.small("alone", i)
		before := c.at.cpu()
		c.start(j)
		c.finish(j)
		took = append(took, j.run.took)
		c.cost += (j.run.cpu() + c.at.cpu() - before) / 5
		c.check(j)
	}
	slices.Sort(took)
	c.alone = took[len(took)/2]
	fmt.Printf("a small delivery alone: %v (of 5: %v to %v), and %v of processors\n", ms(c.alone), ms(took[0]), ms(took[len(took)-1]), ms(c.cost))
}

// beside has small deliveries come, one after another, while large ones run.
func (c *crowd) beside() {
	var jobs []*job
	for i := range *largeFlag {
		jobs = append(jobs, c.large("beside", i))
	}
	probes := make([]*job, 0, 200)
	for i := range cap(probes) {
		probes = append(probes, c.small("probe", i))
	}
	began := time.Now()
	var running sync.WaitGroup
	for _, j := range jobs {
		c.start(j)
		running.Go(func() { c.finish(j) })
	}
	over := make(chan struct{})
	go func() { running.Wait(); close(over) }()
	var done []*job
	for _, j := range probes {
		c.start(j)
		c.finish(j)
		select {
		case <-over: // it was not beside all the time
		default:
			done = append(done, j)
			continue
		}
		c.check(j)
		break
	}
	<-over
	all := time.Since(began)
	fmt.Printf("%d large deliveries in %v, beside %d strangers: %.0f MiB/s\n", len(jobs), ms(all), gangs, float64(int64(len(jobs))**sizeFlag)/all.Seconds())
	c.judge("beside them, one after another", done, 0)
	for _, j := range append(jobs, done...) {
		c.check(j)
	}
	for _, j := range probes {
		_ = os.RemoveAll(j.sent)
	}
}

// together has all come at once.
func (c *crowd) together() {
	var jobs, small []*job
	for i := range *largeFlag {
		jobs = append(jobs, c.large("crowd", i))
	}
	for i := range *clientsFlag {
		j := c.small("crowd", i)
		jobs, small = append(jobs, j), append(small, j)
	}
	began := time.Now()
	used := c.at.cpu()
	var running sync.WaitGroup
	for _, j := range jobs {
		c.start(j)
		running.Go(func() { c.finish(j) })
	}
	most := int64(0)
	over := make(chan struct{})
	go func() { running.Wait(); close(over) }()
	for looking := true; looking; {
		select {
		case <-over:
			looking = false
		case <-time.After(200 * time.Millisecond):
			most = max(most, c.at.number("ferry_links"))
		}
	}
	all := time.Since(began)
	cpu := c.at.cpu() - used
	for _, j := range jobs {
		cpu += j.run.cpu()
	}
	bound := cpu / time.Duration(runtime.NumCPU())
	fmt.Printf("all %d at once: over after %v, %d links at once; the processors alone need %v for it, load %s", len(jobs), ms(all), most, ms(bound), loadOf())
	c.judge("small ones of them", small, c.cost*time.Duration(*clientsFlag)/time.Duration(runtime.NumCPU()))
	for _, j := range jobs {
		c.check(j)
	}
}

// judge tells how long small deliveries took, and holds the slowest against the time of one
// alone. Least is what the processors need for all of them, in whatever order: where that is
// more than the slowest may take, no server can do it on this machine. That is told, and the
// slowest is held against least: nothing is late that is not later than that.
func (c *crowd) judge(what string, jobs []*job, least time.Duration) {
	if len(jobs) == 0 {
		fmt.Printf("%s: there was no time for one\n", what)
		return
	}
	var took []time.Duration
	for _, j := range jobs {
		took = append(took, j.run.took)
	}
	slices.Sort(took)
	worst := took[len(took)-1]
	alone, needed := float64(worst)/float64(c.alone), 0.0
	fmt.Printf("%s: %d, median %v, 95 of 100 within %v, slowest %v: %.1f times its time alone",
		what, len(took), ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(worst), alone)
	if least > 0 {
		needed = float64(worst) / float64(least)
		fmt.Printf(", and %.1f times what the processors need for all (%v)", needed, ms(least))
	}
	fmt.Println()
	if *factorFlag <= 0 {
		return
	}
	judged, of := alone, "its time alone"
	if may := time.Duration(*factorFlag * float64(c.alone)); least > may {
		fmt.Printf("%s: %v of its time alone are %v, and these %d processors need %v for all: that cannot hold here, and %d at once could\n",
			what, *factorFlag, ms(may), runtime.NumCPU(), ms(least), int(float64(may)*float64(runtime.NumCPU())/float64(c.cost)))
		judged, of = needed, "what the processors need for all"
	}
	if judged > *factorFlag {
		c.book.fail("%s: the slowest took %.1f times %s, and not %v", what, judged, of, *factorFlag)
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
