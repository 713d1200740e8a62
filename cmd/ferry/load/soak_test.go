//go:build load && linux

package load

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// workers are the clients that are there at once; a worker runs one at a time.
	workers = 4
	// quotaBytes and rateBytes are those of the keys that have one.
	quotaBytes = 8 << 20
	rateBytes  = 4 << 20
)

// soak is two servers before one root, and all who come.
type soak struct {
	*site
	ending chan struct{} // closed when nothing new begins
	steady *server       // lives as long as the soak
	port   string        // of the one that is followed by others
	pace   *pace
	book   *book

	both, up, down, quota, rate, stranger *friend
	library                               []picture // what is there to be downloaded

	mu      sync.Mutex
	changes *server   // at port
	all     []*server // there ever were
}

func TestSoak(t *testing.T) {
	s := newSoak(t)
	began := time.Now()
	fmt.Printf("soak: seed %d for %v, at most %.2f of a processor; %s\n", *seedFlag, *soakFlag, *paceFlag, s.dir)
	before := s.steady.look()
	var going, samples sync.WaitGroup
	watch := newWatch(s.steady)
	over := make(chan struct{})
	samples.Go(func() { watch.run(over, max(*soakFlag/400, 250*time.Millisecond)) })
	samples.Go(func() { s.report(over, max(*soakFlag/60, 5*time.Second)) })
	for i := range workers {
		going.Go(func() { s.work(i) })
	}
	going.Go(s.strangers)
	going.Go(s.follow)
	going.Go(s.changeKeys)
	time.AfterFunc(*soakFlag, func() { close(s.ending) })
	going.Wait()
	close(over)
	samples.Wait()
	s.tally(began)
	if text, ok := watch.flat(); !ok && *soakFlag >= 10*time.Minute {
		t.Error(text)
	} else {
		fmt.Println(text)
	}
	if text, ok := s.steady.settles(before); !ok {
		t.Error(text)
	} else {
		fmt.Println(text)
	}
	s.closing()
}

func newSoak(t *testing.T) *soak {
	s := &soak{site: newSite(t), ending: make(chan struct{}), book: &book{t: t, did: make(map[string]int)}}
	s.flags = []string{"--memory", "128M", "--max-links", "64", "--drain", "20s"}
	s.both = s.friend("both", `path="both",upload,download`)
	s.up = s.friend("up", `path="up",upload`)
	s.down = s.friend("down", `path="down",download`)
	s.quota = s.friend("quota", fmt.Sprintf(`path="quota",upload,quota="%d"`, quotaBytes))
	s.rate = s.friend("rate", fmt.Sprintf(`path="rate",rate="%d",max-links="8"`, rateBytes))
	s.stranger = s.friend("stranger", "")
	must(t, s.writeKeys())
	r := rand.New(rand.NewPCG(*seedFlag, 1<<32))
	for i := range 4 {
		dir := filepath.Join(s.root, "down", fmt.Sprint("book ", i))
		must(t, plant(r, dir, 20+30*i, 4<<20))
		p, err := scan(dir)
		must(t, err)
		s.library = append(s.library, p)
	}
	var err error
	s.steady, err = s.serve("127.0.0.1:0")
	must(t, err)
	s.changes, err = s.serve("127.0.0.1:0")
	must(t, err)
	s.port, s.all = s.changes.address, []*server{s.steady, s.changes}
	s.pace = newPace(*paceFlag, s.servers)
	return s
}

func (s *soak) servers() []*server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*server(nil), s.all...)
}

// over tells whether the soak comes to its end.
func (s *soak) over() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

// pause is a while in which nothing happens; it is false at the end.
func (s *soak) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.ending:
		return false
	}
}

// follow has the second server end, in the one or the other way, and the next take its
// port. Those who are there meanwhile go on with that one.
func (s *soak) follow() {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<33))
	each := min(max(*soakFlag/25, 4*time.Second), 90*time.Second)
	for s.pause(each/2 + time.Duration(r.Int64N(int64(each)))) {
		// The file of keys is a valid one while a server starts.
		s.keysMu.Lock()
		s.mu.Lock()
		old := s.changes
		s.mu.Unlock()
		if old.died() {
			s.book.fail("the server at %s ended by itself: %v: %s", old.address, old.cmd.ProcessState, old.said())
		}
		how := "drained"
		if r.IntN(3) == 0 {
			how = "killed"
			old.end(syscall.SIGKILL)
			<-old.ended
		} else {
			old.drain()
		}
		next, err := s.serve(s.port)
		if err != nil {
			s.book.fail("the next server: %v", err)
			s.keysMu.Unlock()
			continue
		}
		s.mu.Lock()
		s.changes, s.all = next, append(s.all, next)
		s.mu.Unlock()
		s.keysMu.Unlock()
		s.book.count("server " + how)
		if how == "drained" {
			s.ends(old)
		}
	}
}

// ends checks that a server which was asked to end did so.
func (s *soak) ends(v *server) {
	select {
	case <-v.ended:
		if exit := v.cmd.ProcessState.ExitCode(); exit != 0 && exit != 143 { // 143: clients were cut
			s.book.fail("after SIGTERM: exit %d: %s", exit, v.said())
		}
	case <-time.After(patience):
		_ = v.cmd.Process.Signal(syscall.SIGQUIT)
		<-v.ended
		s.book.fail("it did not end after SIGTERM: %s", v.said())
	}
}

// changeKeys adds and removes a line, and breaks the file.
func (s *soak) changeKeys() {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<34))
	guest := s.friend("guest", "")
	dir := filepath.Join(s.dir, "from", "guest")
	if err := plant(r, dir, 5, 1<<16); err != nil {
		s.book.fail("planting: %v", err)
		return
	}
	line := `path="guest",upload ` + guest.line
	for s.pause(min(max(*soakFlag/40, 2*time.Second), time.Minute)) && s.pace.wait(s.ending) {
		s.keysMu.Lock()
		err := s.change(guest, dir, line)
		s.keysMu.Unlock()
		if err != nil {
			s.book.fail("changing keys: %v", err)
		}
	}
}

// change needs keysMu.
func (s *soak) change(guest *friend, dir, line string) error {
	for _, step := range []struct {
		what string
		more []string
		exit int
	}{
		{"a key more", []string{line}, 0},
		{"a file with a mistake", []string{line, `path="../x" ` + guest.line}, 0},
		{"a key that is gone", nil, 4},
	} {
		if err := s.writeKeys(step.more...); err != nil {
			return err
		}
		s.mu.Lock()
		other := s.changes
		s.mu.Unlock()
		for _, v := range []*server{s.steady, other} {
			if !v.reread() {
				return fmt.Errorf("%s: the server at %s is gone: %s", step.what, v.address, v.said())
			}
			run, exit, err := guest.do(guest.to(v.address, "", dir)...)
			if err != nil {
				return err
			}
			if exit == 0 && v == s.steady {
				s.book.count("ok upload")
			}
			if exit != step.exit {
				s.book.fail("%s: want %d: %v", step.what, step.exit, run)
			}
		}
		s.book.count(step.what)
	}
	return os.RemoveAll(filepath.Join(s.root, "guest"))
}

// tally prints what there was.
func (s *soak) tally(began time.Time) {
	fmt.Printf("soak: %v, %.2f of a processor: %s\n", time.Since(began).Round(time.Second), s.pace.used().Seconds()/time.Since(began).Seconds(), s.book.tell())
	for _, v := range s.servers() {
		if v == s.steady || s.over() && v == s.changes {
			fmt.Printf("server %s: %s\n", v.address, v.tell())
		}
	}
}

// report says now and then how far it is.
func (s *soak) report(over <-chan struct{}, each time.Duration) {
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Printf("%s %v, %.0f s of processors; %s\n", time.Now().Format("15:04:05"), s.steady.look(), s.pace.used().Seconds(), s.book.tell())
		case <-over:
			return
		}
	}
}

// closing ends the servers, and looks at what they leave.
func (s *soak) closing() {
	for _, v := range []*server{s.steady, s.changes} {
		if v.died() {
			s.book.fail("the server at %s ended by itself: %v: %s", v.address, v.cmd.ProcessState, v.said())
			continue
		}
		v.drain()
		s.ends(v)
	}
	if want := s.book.of("ok upload"); s.steady.served("upload") < want {
		s.book.fail("%d uploads to it ended with 0, and its audit has %d", want, s.steady.served("upload"))
	}
	if want := s.book.of("ok download"); s.steady.served("download") < want {
		s.book.fail("%d downloads from it ended with 0, and its audit has %d", want, s.steady.served("download"))
	}
	said := s.steady.said()
	if strings.Contains(said, "panic:") || strings.Contains(said, "fatal error:") {
		s.book.fail("a server broke down: %s", said)
	}
	left, err := scan(s.root)
	if err != nil {
		s.book.fail("looking at the root: %v", err)
	}
	for path, f := range left {
		if strings.HasPrefix(path, "down/") || f.kind[0] == 'd' || strings.HasSuffix(path, "/lock") {
			continue
		}
		s.book.fail("left in the root: %s, %d bytes", path, f.size)
	}
}
