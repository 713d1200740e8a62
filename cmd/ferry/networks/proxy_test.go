//go:build faults && linux

package networks

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// proxyRounds are about sides with a proxy: nothing leaves their machines but to it.
func proxyRounds(f *family) {
	f.play("address", func(r *round) {
		n := r.lan(false)
		r.proxy(n.a, "far.test=198.51.100.3")
		beside := n.b.watch("192.0.2.1")
		for _, scheme := range []string{"socks5h", "http"} {
			env := []string{"FERRY_CODE=" + code, "ALL_PROXY=" + scheme + "://192.0.2.1:1080"}
			out := r.folder("out-" + scheme)
			there := call{on: n.c, env: env[:1]}.ferry("send", r.file("photo", make([]byte, 1<<20)), "--listen", ":33779", "--json", "--streams", "2")
			if _, ok := there.says(`"listening"`); !ok {
				r.Fatalf("it did not listen: %+v", there.wait())
			}
			here := call{on: n.b, env: env}.ferry("receive", "far.test", "--yes", "--out", out, "--json", "--streams", "2")
			arrived(r, there, here, filepath.Join(out, "photo"), 1<<20)
			if e := there.wait(); !strings.Contains(e.stdout, `"connected","address":"198.51.100.1:`) {
				r.Errorf("who called?\n%s", e.stdout)
			}
		}
		none(r, beside)
		// The same without it shows that the counter counts.
		call{on: n.b, env: []string{"FERRY_CODE=" + code}}.ferry("receive", "192.0.2.4", "--yes", "--wait", "0s").wait()
		if beside() == 0 {
			r.Error("nothing is counted")
		}
	})
	f.play("relay", func(r *round) {
		n := r.lan(false)
		r.proxy(n.a, "relay.test=127.0.0.1")
		relay := call{on: n.a}.ferry("relay", "--json")
		if _, ok := relay.says(`"listening"`); !ok {
			r.Fatalf("no relay: %+v", relay.wait())
		}
		env := []string{"FERRY_CODE=" + code, "FERRY_RELAY=tcp://relay.test"}
		besideB, besideC := n.b.watch("192.0.2.1"), n.c.watch("198.51.100.1")
		out := r.folder("out")
		recv := call{on: n.c, env: append(env, "ALL_PROXY=http://198.51.100.1:1080")}.ferry("receive", "--yes", "--out", out, "--json")
		send := call{on: n.b, env: append(env, "ALL_PROXY=socks5h://192.0.2.1:1080")}.ferry("send", r.file("photo", make([]byte, 4<<20)), "--json")
		arrived(r, send, recv, filepath.Join(out, "photo"), 4<<20)
		for _, p := range []*process{send, recv} {
			if path := p.wait().result().Path; !strings.HasPrefix(path, "relay") {
				r.Errorf("the path was %q", path)
			}
		}
		none(r, besideB)
		none(r, besideC)
	})
	f.play("refused", func(r *round) {
		n := r.lan(false)
		beside := n.b.watch("192.0.2.1")
		env := []string{"FERRY_CODE=" + code, "ALL_PROXY=socks5h://192.0.2.1:1080"}
		for want, args := range map[int][]string{
			2: {"receive", "--yes", "--json"},
			3: {"receive", "far.test", "--yes", "--json"},
		} {
			if e := (call{on: n.b, env: env}).ferry(args...).wait(); e.exit != want {
				r.Errorf("%v: exit %d\n%s%s", args, e.exit, e.stdout, e.stderr)
			}
		}
		none(r, beside)
	})
}

// none checks that nothing left beside the proxy.
func none(r *round, beside func() int) {
	r.Helper()
	if n := beside(); n != 0 {
		r.Errorf("%d packets left beside the proxy", n)
	}
}

// watch counts the packets of programs that leave m, but for those to a proxy, which is on
// the way to everywhere.
func (m *machine) watch(proxy string) (beside func() int) {
	m.r.Helper()
	m.ip("route", "add", "default", "via", proxy)
	m.nft(fmt.Sprintf(`table inet watch {
counter beside { }
chain out {
type filter hook output priority 0; policy accept;
oif lo accept
ip daddr %s tcp dport 1080 accept
meta l4proto { 2, 6, 17 } counter name beside
}
}
`, proxy))
	return func() int {
		m.r.Helper()
		argv := m.enter("nft", "list", "counter", "inet", "watch", "beside")
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		must(m.r, err)
		found := regexp.MustCompile(`packets ([0-9]+)`).FindSubmatch(out)
		if found == nil {
			m.r.Fatalf("no counter: %s", out)
		}
		n, err := strconv.Atoi(string(found[1]))
		must(m.r, err)
		return n
	}
}

// proxy starts a proxy at port 1080 of m that knows the addresses of some names, each as
// NAME=ADDRESS.
func (r *round) proxy(m *machine, hosts ...string) {
	r.Helper()
	program, err := os.Executable()
	must(r, err)
	in, hold, err := os.Pipe()
	must(r, err)
	r.Cleanup(func() { _, _ = hold.Close(), in.Close() })
	p := call{on: m, env: []string{probeEnv + "=proxy", roomEnv + "=" + strings.Join(hosts, " ")}, stdin: in}.start(program)
	if _, ok := p.says("ready"); !ok {
		r.Fatalf("no proxy: %+v", p.wait())
	}
}

// serveProxy speaks SOCKS5 and HTTP CONNECT until standard input ends.
func serveProxy(hosts string) int {
	ln, err := net.Listen("tcp4", ":1080")
	if err != nil {
		return complain(err)
	}
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); _ = ln.Close() }()
	known := make(map[string]string)
	for entry := range strings.FieldsSeq(hosts) {
		name, at, _ := strings.Cut(entry, "=")
		known[name] = at
	}
	fmt.Println("ready")
	for {
		conn, err := ln.Accept()
		if err != nil {
			return 0
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReader(conn)
			to, answer, err := asked(conn, r, known)
			if err != nil {
				return // the caller sees it
			}
			defer to.Close()
			if _, err := conn.Write(answer); err != nil {
				return
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.Copy(conn, to)
				_ = conn.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(to, r)
			_ = to.(*net.TCPConn).CloseWrite()
			<-done
		}()
	}
}

// asked connects to where a client wants to, by its name.
func asked(conn net.Conn, r *bufio.Reader, known map[string]string) (to net.Conn, answer []byte, err error) {
	var addr string
	first, err := r.Peek(1)
	if err != nil {
		return nil, nil, err
	}
	if first[0] == 5 {
		answer = []byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}
		if addr, err = askedBySocks(conn, r); err != nil {
			return nil, nil, err
		}
	} else {
		request, err := http.ReadRequest(r)
		if err != nil {
			return nil, nil, err
		}
		addr, answer = request.Host, []byte("HTTP/1.1 200 OK\r\n\r\n")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	to, err = net.Dial("tcp", net.JoinHostPort(known[host], port))
	return to, answer, err
}

func askedBySocks(conn net.Conn, r *bufio.Reader) (addr string, err error) {
	var head [4]byte
	if _, err = io.ReadFull(r, head[:2]); err == nil {
		_, err = r.Discard(int(head[1]))
	}
	if err == nil {
		_, err = conn.Write([]byte{5, 0})
	}
	if err == nil {
		_, err = io.ReadFull(r, head[:])
	}
	if err == nil && head[3] != 3 {
		err = errors.New("no name")
	}
	size, rerr := r.ReadByte()
	if err = errors.Join(err, rerr); err != nil {
		return "", err
	}
	text := make([]byte, int(size)+2)
	if _, err = io.ReadFull(r, text); err != nil {
		return "", err
	}
	port := int(text[size])<<8 | int(text[size+1])
	return net.JoinHostPort(string(text[:size]), strconv.Itoa(port)), nil
}
