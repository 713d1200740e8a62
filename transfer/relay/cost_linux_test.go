package relay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/framing"
)

// costVariable has this test binary be one of the programs that TestCost compares:
//
//	FERRY_COST=2048 go test ./transfer/relay -run TestCost -v
//
// sends as many MiB through each in turn. Without it there are 256.
const (
	costVariable = "FERRY_COST"
	costRole     = "FERRY_COST_ROLE"
	costRate     = "FERRY_COST_RATE"
)

// TestCostChild is the program that is measured, in a process of its own. It ends with its
// standard input.
func TestCostChild(t *testing.T) {
	role := os.Getenv(costRole)
	if role == "" {
		t.Skip("only TestCost and TestRate start it")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("at", ln.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
		ln.Close()
	}()
	if role == "relay" {
		limits := plenty()
		limits.Rate, _ = strconv.ParseInt(os.Getenv(costRate), 10, 64)
		New(Config{Limits: limits}).Serve(ctx, ctx, ln)
		return
	}
	// What any program would do: pairs of connections, as they come.
	for {
		a, err := ln.Accept()
		if err != nil {
			return
		}
		b, err := ln.Accept()
		if err != nil {
			return
		}
		for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
			go func() {
				io.Copy(way[0], way[1])
				way[0].(*net.TCPConn).CloseWrite()
			}()
		}
	}
}

// measured is a process that carries.
type measured struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
}

func startMeasured(t *testing.T, role string, env ...string) *measured {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCostChild$")
	cmd.Env = append(append(os.Environ(), costRole+"="+role), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	return &measured{t, cmd, stdin, strings.TrimSpace(strings.TrimPrefix(line, "at "))}
}

// used is the CPU time of the process so far.
func (m *measured) used() (cpu time.Duration) {
	m.t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", m.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		m.t.Skip("the kernel does not tell the time of threads")
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // it has ended
		}
		n, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		cpu += time.Duration(n)
	}
	return cpu
}

// end returns the CPU seconds and the most memory in KiB.
func (m *measured) end() (cpu time.Duration, most int) {
	m.t.Helper()
	most = peak(m.t, m.cmd.Process.Pid)
	m.stdin.Close()
	if err := m.cmd.Wait(); err != nil {
		m.t.Fatal(err)
	}
	state := m.cmd.ProcessState
	return state.UserTime() + state.SystemTime(), most
}

// peak is the most memory that a process has had, in KiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

// pairs opens n connections through the process.
func (m *measured) pairs(role string, n int) (ins, outs []net.Conn) {
	m.t.Helper()
	var listener *side
	if role == "relay" {
		listener = dial(m.t, m.addr)
		listener.claim("7")
	}
	var call [16]byte // of the first: the others are further connections of the same link
	for range n {
		var a, b net.Conn
		if role == "relay" {
			s := dial(m.t, m.addr)
			s.seek("7", call)
			b = listener.joined(m.addr).conn
			ok, err := framing.ParseOK(s.hear(framing.TypeOK))
			if err != nil {
				m.t.Fatal(err)
			}
			a, call = s.conn, ok.Call
		} else {
			var err error
			if a, err = net.Dial("tcp", m.addr); err != nil {
				m.t.Fatal(err)
			}
			if b, err = net.Dial("tcp", m.addr); err != nil {
				m.t.Fatal(err)
			}
		}
		a.SetDeadline(time.Time{})
		b.SetDeadline(time.Time{})
		ins, outs = append(ins, a), append(outs, b)
	}
	return ins, outs
}

// pump sends size bytes through each pair at once, and returns how long it took.
func pump(t *testing.T, ins, outs []net.Conn, size int64) time.Duration {
	t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for i := range ins {
		all.Go(func() {
			block := make([]byte, 256<<10)
			for left := size; left > 0; {
				n, err := ins[i].Write(block[:min(left, int64(len(block)))])
				if err != nil {
					t.Error(err)
					return
				}
				left -= int64(n)
			}
			ins[i].(*net.TCPConn).CloseWrite()
		})
		all.Go(func() {
			if n, err := io.Copy(io.Discard, outs[i]); n != size || err != nil {
				t.Errorf("%d of %d bytes came, %v", n, size, err)
			}
			ins[i].Close()
			outs[i].Close()
		})
	}
	all.Wait()
	return time.Since(began)
}

// TestCost: a relay takes at most 1.2 of the CPU of io.Copy between two sockets, which
// takes it from the kernel's splice, for what it carries. The start of a process, and the
// meeting, which io.Copy has not, are counted apart. Both are run in turn, so that what
// else this machine does meets both.
func TestCost(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("moves gigabytes, and measures: not with -short, nor with -race")
	}
	total := int64(256)
	if n, err := strconv.ParseInt(os.Getenv(costVariable), 10, 64); err == nil && n > 0 {
		total = n
	}
	total <<= 20
	for _, links := range []int{1, 10, 100} {
		meet, carry := map[string]time.Duration{}, map[string]time.Duration{}
		most := map[string]int{}
		for range 3 {
			for _, role := range []string{"copy", "relay"} {
				m := startMeasured(t, role)
				ins, outs := m.pairs(role, links)
				before := m.used()
				pump(t, ins, outs, total/int64(links))
				used, resident := m.end()
				meet[role] += before
				carry[role] += used - before
				most[role] = max(most[role], resident)
			}
		}
		ratio := carry["relay"].Seconds() / carry["copy"].Seconds()
		t.Logf("%d links, 3 × %d MiB: relay %.2f s and %d KiB, io.Copy %.2f s and %d KiB: %.2f; before that %.3f s and %.3f s",
			links, total>>20, carry["relay"].Seconds(), most["relay"], carry["copy"].Seconds(), most["copy"], ratio, meet["relay"].Seconds(), meet["copy"].Seconds())
		// Few bytes for each link measure the ends of links too.
		if total/int64(links) >= 1<<30 && ratio > 1.2 {
			t.Errorf("%d links: %.2f of the CPU of io.Copy", links, ratio)
		}
	}
}

// TestRate: 32 links in parallel keep to the rate that holds for all.
func TestRate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const rate, links, size = 16 << 20, 32, 2 << 20
	m := startMeasured(t, "relay", costRate+"="+strconv.Itoa(rate))
	ins, outs := m.pairs("relay", links)
	took := pump(t, ins, outs, size)
	m.end()
	got := links * size / took.Seconds()
	t.Logf("%d links together: %.2f of the rate", links, got/rate)
	if got > 1.1*rate {
		t.Errorf("%.0f bytes a second instead of %d", got, rate)
	}
}
