//go:build load && linux

package load

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What counts as flat: the median of the last quarter is at most that of the second,
// times flatFactor and the slack more.
const (
	flatFactor = 1.25
	slackKiB   = 8 << 10
	slackCount = 8
)

// sight is what a server takes at one moment.
type sight struct{ rss, peak, heap, descriptors, goroutines int64 } // the first three in KiB

func (s sight) String() string {
	return fmt.Sprintf("rss %d MiB (peak %d), heap %d MiB, %d descriptors, %d goroutines", s.rss>>10, s.peak>>10, s.heap>>10, s.descriptors, s.goroutines)
}

// look is zero in what cannot be seen.
func (v *server) look() (s sight) {
	s.rss, s.peak = v.status("VmRSS"), v.status("VmHWM")
	if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", v.cmd.Process.Pid)); err == nil {
		s.descriptors = int64(len(list))
	}
	s.goroutines, s.heap = v.number("go_goroutines"), v.number("go_memstats_heap_alloc_bytes")>>10
	return s
}

// status is a line of /proc/PID/status, in KiB.
func (v *server) status(name string) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}

// number is one of the metrics.
func (v *server) number(name string) int64 {
	web := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := web.Get("http://" + v.metrics + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	b, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			f, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return int64(f)
		}
	}
	return 0
}

// watch looks at a server again and again.
type watch struct {
	of  *server
	all []sight
}

func newWatch(of *server) *watch { return &watch{of: of} }

func (w *watch) run(over <-chan struct{}, each time.Duration) {
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.all = append(w.all, w.of.look())
		case <-over:
			return
		}
	}
}

// flat compares the last quarter with the second.
func (w *watch) flat() (text string, ok bool) {
	n := len(w.all) / 4
	if n == 0 {
		return "there was no time to look at the server", false
	}
	ok = true
	for _, of := range []struct {
		name  string
		slack int64
		get   func(sight) int64
	}{
		{"rss in KiB", slackKiB, func(s sight) int64 { return s.rss }},
		{"heap in KiB", slackKiB, func(s sight) int64 { return s.heap }},
		{"descriptors", slackCount, func(s sight) int64 { return s.descriptors }},
		{"goroutines", slackCount * 8, func(s sight) int64 { return s.goroutines }},
	} {
		second, last := median(w.all[n:2*n], of.get), median(w.all[3*n:], of.get)
		word := "flat"
		if float64(last) > flatFactor*float64(second)+float64(of.slack) {
			word, ok = "NOT flat", false
		}
		text += fmt.Sprintf("%s: median of the second quarter %d, of the last %d: %s (at most %v times and %d more)\n", of.name, second, last, word, flatFactor, of.slack)
	}
	return fmt.Sprintf("%speak %d MiB, %d looks", text, w.all[len(w.all)-1].peak>>10, len(w.all)), ok
}

func median(all []sight, get func(sight) int64) int64 {
	var list []int64
	for _, s := range all {
		list = append(list, get(s))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// settles waits until a server that nobody uses any more has what it had at first. Some
// descriptors come with the first delivery, and stay.
func (v *server) settles(before sight) (text string, ok bool) {
	var now sight
	for range 120 {
		now = v.look()
		if now.descriptors > 0 && now.descriptors <= before.descriptors+slackCount && now.goroutines <= before.goroutines+slackCount {
			return fmt.Sprintf("idle again: %v; before the first client: %v", now, before), true
		}
		select {
		case <-v.ended:
		case <-time.After(time.Second):
		}
	}
	return fmt.Sprintf("it does not come to rest: %v; before the first client: %v", now, before), false
}

// pace bounds what all programs of a test take of the processors.
type pace struct {
	part    float64
	began   time.Time
	servers func() []*server
}

func newPace(part float64, servers func() []*server) *pace {
	return &pace{part: part, began: time.Now(), servers: servers}
}

// used is all time of processors until now: of this process, of its children that ended,
// and of the servers that run.
func (p *pace) used() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	for _, v := range p.servers() {
		sum += v.cpu()
	}
	return sum
}

// cpu is what a server that runs has taken; 0 if it has ended.
func (v *server) cpu() time.Duration {
	select {
	case <-v.ended:
		return 0
	default:
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel's ticks for programs
}

// wait returns when more may be done; it is false at the end.
func (p *pace) wait(ending <-chan struct{}) bool {
	for {
		ahead := time.Duration(float64(p.used())/p.part) - time.Since(p.began)
		select {
		case <-ending:
			return false
		case <-time.After(min(max(ahead, 0), 5*time.Second)):
			if ahead <= 0 {
				return true
			}
		}
	}
}

// book counts what was done, and tells what failed.
type book struct {
	t *testing.T

	mu     sync.Mutex
	did    map[string]int
	failed int
}

func (b *book) count(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did[what]++
}

func (b *book) of(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.did[what]
}

// fail says at once what is wrong: a soak is long.
func (b *book) fail(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fail()
	if b.failed++; b.failed <= 100 {
		fmt.Printf("%s FAILED: %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
}

func (b *book) tell() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d failed, %v", b.failed, b.did)
}
