//go:build faults && linux

package networks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Rounds of a near end that leaves: the far end has to end, or to give way.

// nearEndKilled: nothing stays locked for another command at the far end.
func nearEndKilled(r *round) {
	s := r.shell("box")
	p := s.copy(48, "--bwlimit", "8M")
	p.half()
	p.kill()
	p.wait()
	if len(s.farEnds()) == 0 {
		r.Error("the far end does not wait")
	}
	own := call{on: s.box, env: []string{"HOME=" + s.home}}.ferry("copy", "--json", p.source, filepath.Join(s.home, "in"))
	if e := own.wait(); e.exit != 0 {
		r.Errorf("another command there: exit %d\n%s%s", e.exit, e.stdout, e.stderr)
	}
	s.r.do("cmp", p.source, p.out)
	s.gone(15 * time.Second) // far below the time that a far end waits for a near one
}

// farEnds are the processes that are one, without what has started them. One that has ended,
// and is kept until strace has taken note of it, is none any more.
func (s *shells) farEnds() []int {
	s.r.Helper()
	return slices.DeleteFunc(s.box.running("ferry\x00remote"), func(pid int) bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		calls, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stack", pid))
		return string(name) != "ferry\n" || strings.Contains(string(calls), " do_exit+")
	})
}

// gone checks that the far end is within a time.
func (s *shells) gone(limit time.Duration) {
	s.r.Helper()
	var pids []int
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if pids = s.farEnds(); len(pids) == 0 {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	s.r.Errorf("the far end still runs: %v", pids)
	for at, call := range s.threads() {
		where, _ := os.ReadFile(filepath.Join(at, "stack"))
		s.r.Logf("%s: %s%s", at, call, where)
	}
}

// threads are what the threads of the far end do, by their folders in /proc: "running", or the
// number of a call of the system and what it was given.
func (s *shells) threads() map[string]string {
	s.r.Helper()
	doing := make(map[string]string)
	for _, pid := range s.farEnds() {
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, at := range all {
			if call, err := os.ReadFile(filepath.Join(at, "syscall")); err == nil {
				doing[at] = string(call)
			}
		}
	}
	return doing
}

// calls tells whether a thread of the far end is in that call of the system.
func (s *shells) calls(number int) bool {
	s.r.Helper()
	for _, call := range s.threads() {
		if strings.HasPrefix(call, strconv.Itoa(number)+" ") {
			return true
		}
	}
	return false
}

// promised is how soon ferry is gone after a signal, whatever the other side does. The near
// end has that, and the far end as long after it.
const promised = 2 * time.Second

// nearEndSignalled: both ends end, and it is said what is there. With cut, the far end hears
// nothing of it, and the near one says why it ended all the same.
func nearEndSignalled(r *round, sig syscall.Signal, cut bool) {
	s := r.shell("box")
	s.block()
	rate := "8M"
	if cut {
		rate = "1M" // the system takes what is sent until the signal comes, and the goodbye behind it
	}
	p := s.copy(48, "--bwlimit", rate)
	p.half()
	if !cut {
		s.left(p, sig, promised, func() {})
		return
	}
	s.box.nft(cutOff)
	// It hears of it when the network sends it again.
	s.left(p, sig, 15*time.Second, func() { s.box.do("nft", "delete", "table", "inet", "cut") })
}

// nearEndSignalledDiskStands: the far end waits for no disk then.
func nearEndSignalledDiskStands(r *round) {
	r.tool("strace")
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		r.leave("strace cannot trace here: %v %s", err, out)
	}
	s := r.shell("box")
	s.block()
	// The first 16 MiB are given to the disk, which takes a minute over them.
	p := s.copy(48, "--bwlimit", "8M", "--remote-command",
		"strace -f -qq -o "+filepath.Join(r.dir, "far")+" -e trace=sync_file_range -e inject=sync_file_range:delay_enter=60000000 ferry remote")
	for end := time.Now().Add(patience); !s.calls(unix.SYS_SYNC_FILE_RANGE); {
		if time.Now().After(end) {
			r.Fatalf("the far end gives the disk nothing: %s", p.said())
		}
		<-time.After(50 * time.Millisecond)
	}
	s.left(p, syscall.SIGINT, promised, func() {})
}

// left checks that both ends of a copy end after a signal to the near one: the far one within
// a time after it and then.
func (s *shells) left(p *copied, sig syscall.Signal, limit time.Duration, then func()) {
	r := s.r
	r.Helper()
	must(r, p.cmd.Process.Signal(sig))
	began := time.Now()
	e := p.wait()
	near := time.Since(began)
	then()
	s.gone(limit)
	r.note("the near end ended %v after the signal, both after %v", near.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if near > promised {
		r.Errorf("it took %v", near)
	}
	if e.exit != 128+int(sig) || e.result().Error.Message == "" {
		r.Errorf("exit %d: %s%s", e.exit, e.stdout, e.stderr)
	}
}
