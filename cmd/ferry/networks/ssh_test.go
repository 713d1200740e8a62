//go:build faults && linux

package networks

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sshRounds are about copies by a real sshd, with keys, configuration and homes of the round.
func sshRounds(f *family) {
	f.play("open", func(r *round) {
		s := r.shell("box")
		p := s.copy(96, "--bwlimit", "12M")
		s.whole(p, "direct")
		slow, all := s.box.counted("ssh"), s.box.counted("passed")
		if slow*10 > all {
			r.Errorf("%d bytes of %d went by ssh", slow, all)
		}
		r.note("%.1f %% went the direct path", 100*(1-float64(slow)/float64(all)))
	})
	f.play("stays", func(r *round) {
		s := r.shell("box")
		s.whole(s.copy(24, "--bwlimit", "8M", "--find", "off"), "ssh")
		if other := s.box.counted("passed") - s.box.counted("ssh"); other > 0 {
			r.Errorf("%d bytes went beside ssh", other)
		}
	})
	f.play("blocked", func(r *round) {
		s := r.shell("box")
		s.block()
		s.whole(s.copy(64), "ssh")
	})
	f.play("jump", func(r *round) {
		s := r.shell("behind")
		s.whole(s.copy(48, "--bwlimit", "16M"), "ssh")
	})
	f.play("ssh_killed", func(r *round) {
		s := r.shell("box")
		s.block()
		p := s.copy(48, "--bwlimit", "8M", "--timeout", "10s")
		p.half()
		s.near.ended(p.children("ssh"))
		s.whole(p, "ssh")
		goesOn(r, p, 0)
	})
	f.play("cut", func(r *round) {
		s := r.shell("box")
		s.block()
		p := s.copy(48, "--bwlimit", "8M", "--timeout", "10s")
		p.half()
		s.box.nft(cutOff)
		<-time.After(20 * time.Second) // longer than both wait for a sign of life
		s.box.do("nft", "delete", "table", "inet", "cut")
		s.whole(p, "ssh")
		// What was on its way when nobody could hear is not known to have arrived.
		goesOn(r, p, 8<<20)
	})
	f.play("far_end_killed", func(r *round) {
		s := r.shell("box")
		s.block()
		p := s.copy(48, "--bwlimit", "8M", "--timeout", "10s")
		p.half()
		s.box.ended(s.farEnds())
		s.whole(p, "ssh")
	})
	f.play("pulled_again", pulledAgain)
	f.play("near_end_killed", nearEndKilled)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		f.play("near_end_signalled_"+strconv.Itoa(int(sig)), func(r *round) { nearEndSignalled(r, sig, false) })
	}
	f.play("near_end_signalled_cut_off", func(r *round) { nearEndSignalled(r, syscall.SIGINT, true) })
	f.play("near_end_signalled_disk_stands", nearEndSignalledDiskStands)
}

// cutOff lets nothing in or out.
const cutOff = "table inet cut {\nchain in { type filter hook input priority -5; policy drop; }\nchain out { type filter hook output priority -5; policy drop; }\n}\n"

// shells is a machine with ssh, and one with sshd.
type shells struct {
	r         *round
	name      string // of the far one, in the near one's configuration
	near, box *machine
	dir, home string
	config    string // of ssh
}

// shell makes two machines: box on the same LAN, or behind, which is reached through another
// one that has sshd too. box counts what passes it.
func (r *round) shell(name string) *shells {
	r.Helper()
	const server = "/usr/sbin/sshd"
	r.tool("ssh", "ssh-keygen", server)
	must(r, os.MkdirAll("/run/sshd", 0o755))
	n := r.lan(false)
	s := &shells{r: r, name: name, near: n.b, box: n.d, dir: r.folder("ssh"), home: r.folder("home"), config: filepath.Join(r.dir, "ssh", "config")}
	for _, key := range []string{"host", "user"} {
		r.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, key))
	}
	client := fmt.Sprintf("Host *\n User root\n IdentityFile %[1]s/user\n IdentitiesOnly yes\n StrictHostKeyChecking no\n UserKnownHostsFile %[1]s/known\n LogLevel ERROR\n ConnectTimeout 5\nHost box\n HostName 192.0.2.4\nHost gate\n HostName 192.0.2.1\nHost behind\n HostName 198.51.100.3\n ProxyJump gate\n", s.dir)
	r.file("ssh/config", []byte(client))
	if name == "behind" {
		s.box = n.c
		s.serve(n.a, server)
	}
	s.serve(s.box, server)
	s.box.nft("table inet count {\ncounter ssh { }\ncounter passed { }\nchain in { type filter hook input priority -10; tcp dport 22 counter name ssh; iif != lo counter name passed; }\n}\n")
	return s
}

// serve starts sshd on a machine, which logs in with the key of the round.
func (s *shells) serve(on *machine, server string) {
	r := s.r
	r.Helper()
	config := fmt.Sprintf("ListenAddress 0.0.0.0\nHostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv \"HOME=%[2]s\" \"PATH=%[3]s:/usr/bin:/bin\"\n", s.dir, s.home, filepath.Dir(r.c.binary))
	file := r.file("ssh/"+on.name, []byte(config))
	call{on: on}.start(server, "-D", "-e", "-f", file)
	for range 100 {
		if exec.Command("ip", on.enter("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22")[1:]...).Run() == nil {
			return
		}
		<-time.After(50 * time.Millisecond) // until it is asked again
	}
	r.Fatal("sshd does not listen")
}

// block leaves nothing but ssh between the two.
func (s *shells) block() {
	s.box.nft(`table inet block {
chain in { type filter hook input priority 0; iif lo accept; tcp dport 22 accept; tcp sport 22 accept; meta l4proto { tcp, udp } drop; }
chain out { type filter hook output priority 0; oif lo accept; tcp dport 22 accept; tcp sport 22 accept; meta l4proto { tcp, udp } drop; }
}
`)
}

// counted is how many bytes a counter of the machine has.
func (m *machine) counted(name string) int64 {
	m.r.Helper()
	out, err := exec.Command("ip", m.enter("nft", "list", "counter", "inet", "count", name)[1:]...).Output()
	must(m.r, err)
	_, rest, _ := strings.Cut(string(out), "bytes ")
	n, err := strconv.ParseInt(strings.Fields(rest + " none")[0], 10, 64)
	must(m.r, err)
	return n
}

// running is the processes of a machine with text in their command line.
func (m *machine) running(text string) (pids []int) {
	m.r.Helper()
	out, err := exec.Command("ip", "netns", "pids", m.name).Output()
	must(m.r, err)
	for _, field := range strings.Fields(string(out)) {
		line, _ := os.ReadFile("/proc/" + field + "/cmdline")
		if pid, err := strconv.Atoi(field); err == nil && strings.Contains(string(line), text) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ended kills processes.
func (m *machine) ended(pids []int) {
	m.r.Helper()
	if len(pids) == 0 {
		var there []string
		for _, pid := range m.running("") {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			there = append(there, strings.ReplaceAll(string(line), "\x00", " "))
		}
		m.r.Fatalf("there is no process to be killed, of %q", there)
	}
	for _, pid := range pids {
		must(m.r, syscall.Kill(pid, syscall.SIGKILL))
	}
}

// copied is a running copy by ssh.
type copied struct {
	*process
	s           *shells
	source, out string
	size        int64
}

// ferry runs ferry on the near machine.
func (s *shells) ferry(args ...string) *process {
	return call{on: s.near, env: []string{"FERRY_SSH=ssh -F " + s.config, "HOME=" + s.dir}}.ferry(args...)
}

// content makes a file of so many MiB.
func (r *round) content(name string, mib int) string {
	content := make([]byte, mib<<20)
	_, _ = rand.Read(content) // which never fails
	return r.file(name, content)
}

// copy begins to copy a file of so many MiB.
func (s *shells) copy(mib int, args ...string) *copied {
	s.r.Helper()
	p := &copied{s: s, source: s.r.content("photo", mib), out: filepath.Join(s.home, "in", "photo"), size: int64(mib) << 20}
	p.process = s.ferry(append([]string{"copy", "--json", p.source, s.name + ":in/"}, args...)...)
	return p
}

// half waits until about half is there, at the rates of the rounds.
func (p *copied) half() {
	p.r.Helper()
	if _, ok := p.says(`"started"`); !ok {
		p.r.Fatalf("nothing was sent: %+v", p.wait())
	}
	<-time.After(3 * time.Second)
}

// children is the processes that a copy has started, by their program.
func (p *copied) children(program string) (pids []int) {
	for _, pid := range p.s.near.running(program + "\x00") {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(p.cmd.Process.Pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// whole checks that a copy ended well by a path, and that all is there.
func (s *shells) whole(p *copied, path string) {
	s.r.Helper()
	e := p.wait()
	if e.exit != 0 || !strings.HasPrefix(e.result().Path, path) {
		s.r.Fatalf("exit %d by %q, and not by %s:\n%s%s", e.exit, e.result().Path, path, e.stdout, e.stderr)
	}
	s.r.do("cmp", p.source, p.out)
}

// goesOn checks that a copy lost its link, and sent little again.
func goesOn(r *round, p *copied, more int64) {
	r.Helper()
	e := p.wait()
	if !strings.Contains(e.stdout, `"rejoined"`) {
		r.Errorf("the link was not joined again:\n%s", e.stdout)
	}
	// A chunk, and what was under way: the sockets and pipes from one ferry to the other.
	if n := e.result().Resent; n > 1<<20+8<<20+more {
		r.Errorf("%d bytes were sent again", n)
	}
	r.note("%d bytes were sent again", e.result().Resent)
}

// pulledAgain: a pull that was interrupted goes on where it was.
func pulledAgain(r *round) {
	s := r.shell("box")
	s.block()
	source := r.content("home/big", 48)
	into := r.folder("into")
	pull := func(args ...string) *copied {
		args = append([]string{"copy", "--json", "box:big", into}, args...)
		return &copied{process: s.ferry(args...), s: s, source: source, out: filepath.Join(into, "big"), size: 48 << 20}
	}
	p := pull("--bwlimit", "8M")
	for end := time.Now().Add(patience); s.near.sent() < 16<<20 && time.Now().Before(end); {
		<-time.After(100 * time.Millisecond)
	}
	p.signal(syscall.SIGINT)
	if e := p.wait(); e.exit != 130 {
		r.Errorf("exit %d", e.exit)
	}
	before := s.near.sent()
	again := pull()
	s.whole(again, "ssh")
	came := s.near.sent()
	r.note("%d bytes came, %d of them before the end of the first", came, before)
	// What frames and ssh add, a chunk, and what was under way at the end of the first.
	if came > again.size+again.size/20+1<<20+8<<20 {
		r.Errorf("%d bytes came for %d", came, again.size)
	}
}

// sent is how many bytes came to a machine's first interface.
func (m *machine) sent() int64 {
	m.r.Helper()
	out, err := exec.Command("ip", m.enter("cat", "/sys/class/net/eth0/statistics/rx_bytes")[1:]...).Output()
	must(m.r, err)
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	must(m.r, err)
	return n
}
