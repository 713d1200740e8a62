//go:build faults && linux

package networks

import (
	"os"
	"path/filepath"
	"testing"
)

// rigRounds are about the networks themselves, with addresses given by hand.
func rigRounds(f *family) {
	f.play("lan", func(r *round) {
		n := r.lan(true)
		delivered(r, n.a, n.b, "192.0.2.2:33779")
		delivered(r, n.a, n.c, "[2001:db8:2::3]:33779")
	})
	f.play("nat", func(r *round) {
		n := r.nats(natting{Delay: 5})
		delivered(r, n.ha, n.r, "203.0.113.1:33779")
		delivered(r, n.hb, n.r, "[2001:db8:f::1]:33779")
	})
}

const code = "7-alpha-bravo-charlie"

// delivered sends a file from one machine to an address of another.
func delivered(r *round, from, to *machine, address string) {
	r.Helper()
	source := r.file("photo", make([]byte, 1<<20))
	out := r.folder("out" + filepath.Base(to.name))
	env := []string{"FERRY_CODE=" + code}
	recv := call{on: to, env: env}.ferry("receive", "--yes", "--out", out, "--listen", address, "--json")
	if _, ok := recv.says(`"listening"`); !ok {
		r.Fatalf("it did not listen: %+v", recv.wait())
	}
	send := call{on: from, env: env}.ferry("send", source, "--to", address, "--json")
	arrived(r, send, recv, filepath.Join(out, "photo"), 1<<20)
}

// arrived checks that both ended well, and that the file is there.
func arrived(t testing.TB, send, recv *process, path string, size int64) {
	t.Helper()
	s, e := send.wait(), recv.wait()
	if s.exit != 0 || e.exit != 0 {
		t.Errorf("sender: exit %d\n%s%s\nreceiver: exit %d\n%s%s", s.exit, s.stdout, s.stderr, e.exit, e.stdout, e.stderr)
		return
	}
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		t.Errorf("%s is not whole: %v", path, err)
	}
}
