//go:build faults && linux

package networks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// behindRandom is a network in which the relay is the only way between the sides.
var behindRandom = natting{A: "random", B: "random"}

// relayWayRounds are about how a relay is reached, by two sides that have no other way, and
// about relays that do not help.
func relayWayRounds(f *family) {
	f.play("tls-pin", func(r *round) {
		c := r.certificate()
		m := r.meeting(behindRandom, "tls://203.0.113.1:33780#sha256="+c.pin, 24, c.flags()...)
		m.delivers("tls")
	})
	f.play("tls-roots", func(r *round) {
		c := r.certificate()
		m := r.meeting(behindRandom, "tls://203.0.113.1:33780", 24, c.flags()...)
		m.env = []string{"SSL_CERT_FILE=" + c.chain}
		m.delivers("tls")
	})
	f.play("tls-strange", func(r *round) {
		c := r.certificate()
		m := r.meeting(behindRandom, "tls://203.0.113.1:33780", 1, c.flags()...)
		m.refuses("certificate signed by unknown authority", "sha256="+c.pin)
		m.url += "#sha256=" + strings.Repeat("ab", sha256.Size)
		m.refuses("another key than the pin says", "tls://203.0.113.1:33780#sha256="+c.pin)
		if line, _ := m.relay.says(`"listening"`); !strings.Contains(line.text, c.pin) {
			r.Errorf("the relay does not tell its pin: %s", line.text)
		}
	})
	webRounds(f)
	pairRounds(f)
}

// webRounds have the relay behind a web server.
func webRounds(f *family) {
	f.play("wss", func(r *round) {
		r.nginx().delivers("ws")
	})
	f.play("wss-killed", func(r *round) {
		m := r.nginx()
		send, recv := m.start("--bwlimit", "8M")
		m.half(send)
		m.relay.kill()
		<-m.relay.ended
		<-time.After(5 * time.Second) // so long the web server has no relay
		m.serve()
		arrived(r, send, recv, m.out, m.size)
		if n := send.wait().result().Resent; n > 8<<20 {
			r.Errorf("%d bytes were sent again", n)
		}
	})
	f.play("wss-elsewhere", func(r *round) {
		m := r.nginx()
		m.url = strings.Replace(m.url, "/ferry", "/other", 1)
		m.refuses("is the path right?")
		m.url, _, _ = strings.Cut(m.url, "#")
		m.refuses("certificate signed by unknown authority", "#sha256=")
	})
	f.play("mixed", func(r *round) {
		m := r.nginx()
		send := m.send()
		m.url = "tcp://203.0.113.1:33781"
		arrived(r, send, m.receive(), m.out, m.size)
		if a, b := m.number(`ferry_relay_accepted_total{kind="ws"}`), m.number(`ferry_relay_accepted_total{kind="tcp"}`); a == 0 || b == 0 {
			r.Errorf("%d connections by the web server and %d without", a, b)
		}
	})
}

// pairRounds are about who may meet at a relay, and when.
func pairRounds(f *family) {
	f.play("token", func(r *round) {
		right, wrong := "a token that is right", "a token that is wrong"
		m := r.meeting(behindRandom, relayV4, 8, "--token-file", r.file("token", []byte(right+"\n")))
		m.refuses("asks for a token", "--relay-token")
		m.env = []string{"FERRY_RELAY_TOKEN=" + wrong}
		m.refuses("refused the token", "--relay-token")
		m.env = []string{"FERRY_RELAY_TOKEN=" + right}
		m.delivers("tcp")
	})
	f.play("sender-first", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 8)
		send := m.send()
		<-time.After(4 * time.Second) // people are not quick
		arrived(r, send, m.receive(), m.out, m.size)
	})
	f.play("receiver-first", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 8)
		recv := m.receive()
		<-time.After(4 * time.Second)
		arrived(r, m.send(), recv, m.out, m.size)
	})
	f.play("taken", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 8)
		send := m.send()
		m.holds(1)
		// Another pair has the same number: it meets the side that was there first.
		stranger := call{on: m.ha, env: append(m.sides(), "FERRY_CODE=7-delta-echo-foxtrot")}
		e := stranger.ferry("receive", "--yes", "--out", r.folder("strange"), "--json", "--wait", "8s").wait()
		if said := e.result().Error; e.exit != 4 || !strings.Contains(said.Message, "refused in its room at the relay 203.0.113.1") || !strings.Contains(said.Hint, "another number") {
			r.Errorf("exit %d: %s%s", e.exit, e.stdout, e.stderr)
		}
		arrived(r, send, m.receive(), m.out, m.size)
	})
	f.play("taken-by-a-sender", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 8)
		other := append(m.sides(), "FERRY_CODE=7-delta-echo-foxtrot")
		squatter := call{on: m.hb, env: other}.ferry("send", m.source, "--json")
		m.holds(1)
		e := call{on: m.hb, env: m.sides()}.ferry("send", m.source, "--json", "--wait", "6s").wait()
		if said := e.result().Error; e.exit != 3 || !strings.Contains(said.Message, "is another delivery's") || !strings.Contains(said.Hint, "another number") {
			r.Errorf("exit %d: %s%s", e.exit, e.stdout, e.stderr)
		}
		send, recv := m.start()
		for p, word := range map[*process]string{send: `"taken"`, recv: `"passed"`} {
			if _, ok := p.says(word); !ok {
				r.Fatalf("it does not say %s: %+v", word, p.wait())
			}
		}
		squatter.signal(syscall.SIGINT) // and the room is free
		if _, ok := send.says(`"held"`); !ok {
			r.Errorf("it does not say that it has the room: %+v", send.wait())
		}
		arrived(r, send, recv, m.out, m.size)
	})
	f.play("sender-started-again", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 64)
		send, recv := m.start("--bwlimit", "8M")
		m.half(send)
		send.kill()
		<-send.ended
		arrived(r, m.send(), recv, m.out, m.size)
	})
	f.play("stopped-alone", func(r *round) {
		m := r.meeting(behindRandom, relayV4, 8)
		send := m.send()
		m.holds(1)
		m.relay.kill()
		<-m.relay.ended
		m.serve()
		m.holds(1) // again, by itself
		arrived(r, send, m.receive(), m.out, m.size)
	})
}

// delivers has a file go from one side to the other over the relay, which is reached in
// that way.
func (m *meeting) delivers(kind string) {
	m.r.Helper()
	send, recv := m.start()
	arrived(m.r, send, recv, m.out, m.size)
	for _, p := range []*process{send, recv} {
		if path := p.wait().result().Path; !strings.HasPrefix(path, "relay") {
			m.r.Errorf("the path was %q", path)
		}
	}
	// The one that waits, and each end of each link.
	if n := m.number(`ferry_relay_accepted_total{kind="` + kind + `"}`); n < 3 {
		m.r.Errorf("%d connections of %s", n, kind)
	}
	if n := m.carried(); n < m.size {
		m.r.Errorf("the relay carried %d bytes of %d", n, m.size)
	}
	m.tellsNobody()
}

// refuses checks that both sides end for want of a relay, and say why.
func (m *meeting) refuses(words ...string) {
	m.r.Helper()
	for _, p := range []*process{m.send(), m.receive()} {
		e := p.wait()
		said := e.result().Error
		text := said.Message + "\n" + said.Hint
		if e.exit != 3 || !strings.Contains(said.Message, "203.0.113.1") {
			m.r.Errorf("exit %d: %s", e.exit, text)
		}
		for _, word := range words {
			if !strings.Contains(text, word) {
				m.r.Errorf("%q is not in: %s", word, text)
			}
		}
	}
}

// holds waits until the relay has so many rooms.
func (m *meeting) holds(rooms int64) {
	m.r.Helper()
	for end := time.Now().Add(patience); m.number("ferry_relay_rooms") != rooms; {
		if time.Now().After(end) {
			m.r.Fatal("nobody came to the relay")
		}
		<-time.After(50 * time.Millisecond)
	}
}

// tellsNobody ends the relay, and checks that its output names no address of a side.
func (m *meeting) tellsNobody() {
	m.r.Helper()
	m.relay.signal(2)
	e := m.relay.wait()
	if e.exit != 130 && e.exit != 0 || !strings.Contains(e.stdout, `"carried"`) {
		m.r.Errorf("exit %d: %s%s", e.exit, e.stdout, e.stderr)
	}
	for _, address := range []string{"203.0.113", "198.51.100", "192.0.2.", "2001:db8"} {
		if strings.Contains(e.stdout+e.stderr, address) {
			m.r.Errorf("%s is in: %s%s", address, e.stdout, e.stderr)
		}
	}
}

// certificate is one that the relay's machine has, signed by itself.
type certificate struct{ chain, key, pin string }

func (r *round) certificate() certificate {
	r.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(r, err)
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(203, 0, 113, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	must(r, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(r, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(r, err)
	sum := sha256.Sum256(public)
	return certificate{
		chain: r.file("chain.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:   r.file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		pin:   hex.EncodeToString(sum[:]),
	}
}

// flags are the relay's.
func (c certificate) flags() []string {
	return []string{"--tls-cert", c.chain, "--tls-key", c.key}
}

// nginx makes a meeting behind a web server with TLS, which has the location that the
// topic shows.
func (r *round) nginx() *meeting {
	r.Helper()
	r.tool("nginx")
	topic, err := exec.Command(r.c.binary, "help", "relays").Output()
	must(r, err)
	_, location, ok := strings.Cut(string(topic), "    location /ferry {")
	location, _, end := strings.Cut(location, "\n    }\n")
	if !ok || !end {
		r.Fatalf("the topic shows no location:\n%s", topic)
	}
	location = strings.Replace(location, "127.0.0.1:33780", "127.0.0.1:33781", 1)
	c := r.certificate()
	m := r.meeting(behindRandom, "wss://203.0.113.1:8443/ferry#sha256="+c.pin, 64, "--behind-proxy", "--listen", ":33781")
	logs := r.folder("nginx")
	config := r.file("nginx.conf", []byte(`daemon off;
master_process off;
pid `+filepath.Join(logs, "pid")+`;
error_log stderr warn;
events { worker_connections 256; }
http {
access_log off;
client_body_temp_path `+logs+`; proxy_temp_path `+logs+`; fastcgi_temp_path `+logs+`; uwsgi_temp_path `+logs+`; scgi_temp_path `+logs+`;
server {
listen 203.0.113.1:8443 ssl;
ssl_certificate `+c.chain+`;
ssl_certificate_key `+c.key+`;
location / { return 404; }
location /ferry {`+location+`
}
}
}
`))
	p := call{on: m.nats.r}.start("nginx", "-e", "stderr", "-p", logs, "-c", config)
	m.answers(p)
	return m
}

// answers waits until the web server does.
func (m *meeting) answers(p *process) {
	m.r.Helper()
	for {
		select {
		case <-p.ended:
			m.r.Fatalf("no web server: %+v", p.wait())
		case <-time.After(50 * time.Millisecond):
		}
		if exec.Command("ip", m.nats.r.enter("curl", "-sk", "-o", "/dev/null", "https://203.0.113.1:8443/")[1:]...).Run() == nil {
			return
		}
	}
}
