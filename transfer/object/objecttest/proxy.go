package objecttest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
)

// Proxy stands before a store and has the faults of its rules. mu guards what changes.
type Proxy struct {
	next      bucket.Options
	url       string
	transport *http.Transport

	mu     sync.Mutex
	rules  []Rule
	fits   []int // requests that fitted each rule
	random *random
	counts map[string]int
	log    []string
}

// random is a choice of faults by a seed.
type random struct {
	seed   uint64
	rand   *rand.Rand
	oneIn  int
	faults []Rule
}

// maxLog is how many lines of a log are kept.
const maxLog = 200

// Faulty starts a proxy before the store that next reaches. It ends with the test, and if that
// failed, the rules and the last requests are told.
func Faulty(t testing.TB, next bucket.Options) *Proxy {
	t.Helper()
	p := &Proxy{next: next, transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}, counts: make(map[string]int)}
	server := httptest.NewServer(p)
	p.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		p.transport.CloseIdleConnections()
		if t.Failed() {
			t.Log(p.story())
		}
	})
	return p
}

// Options reach the store through the proxy.
func (p *Proxy) Options() bucket.Options {
	o := p.next
	o.Endpoint = p.url
	return o
}

// Set takes these rules instead of those before, and no random ones.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.fits, p.random = rules, make([]int, len(rules)), nil
}

// Random gives about one request in so many one of these faults, the same for the same seed
// and the same order of requests.
func (p *Proxy) Random(seed uint64, oneIn int, faults ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.fits = nil, nil
	p.random = &random{seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), oneIn: oneIn, faults: faults}
}

// Count is how many requests of an Op came, with faults or without.
func (p *Proxy) Count(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[op]
}

func (p *Proxy) story() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("faulty proxy: rules %v", p.rules)
	if p.random != nil {
		s = fmt.Sprintf("faulty proxy: seed %d, one in %d of %v", p.random.seed, p.random.oneIn, p.random.faults)
	}
	return s + "\n" + strings.Join(p.log, "\n")
}

// choose finds what a request has to suffer.
func (p *Proxy) choose(r *http.Request) Rule {
	op := Op(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[op]++
	chosen := Rule{}
	for i, rule := range p.rules {
		if rule.Op != "" && rule.Op != op {
			continue
		}
		p.fits[i]++
		if n := p.fits[i] - rule.Skip; n > 0 && (rule.Times == 0 || n <= rule.Times) {
			chosen = rule
			break
		}
	}
	if p.random != nil && p.random.rand.IntN(p.random.oneIn) == 0 {
		chosen = p.random.faults[p.random.rand.IntN(len(p.random.faults))]
	}
	if len(p.log) == maxLog {
		p.log = p.log[1:]
	}
	p.log = append(p.log, fmt.Sprintf("%s %s?%s %v", r.Method, r.URL.Path, r.URL.RawQuery, chosen.Fault))
	return chosen
}

var errCut = errors.New("cut by the rule of a test")

// ServeHTTP passes a request on to the store, but for what its rule says.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := p.choose(r)
	// 1. What happens before the request is passed on.
	body := io.Reader(r.Body)
	switch rule.Fault {
	case Refuse:
		cut(w)
		return
	case Status:
		_, _ = io.Copy(io.Discard, r.Body) // who sends it may be gone
		p.status(w, r, rule)
		return
	case CutRequest:
		body = io.MultiReader(io.LimitReader(r.Body, rule.N), failing{})
	case Spoil:
		body = &spoiled{Reader: r.Body}
	}
	// 2. Pass it on, signed as it is.
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.next.Endpoint+r.URL.RequestURI(), body)
	if err != nil {
		cut(w)
		return
	}
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, r.ContentLength
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	resp, err := p.transport.RoundTrip(out)
	if err != nil {
		cut(w)
		return
	}
	defer resp.Body.Close()
	// 3. What happens to the answer.
	switch rule.Fault {
	case LoseAnswer, CutRequest:
		_, _ = io.Copy(io.Discard, resp.Body)
		cut(w)
		return
	case StatusAfter:
		_, _ = io.Copy(io.Discard, resp.Body)
		p.status(w, r, rule)
		return
	case Hold:
		timer := time.NewTimer(rule.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if err := p.answer(w, r, resp, rule); err != nil {
		cut(w)
	}
}

func (p *Proxy) status(w http.ResponseWriter, r *http.Request, rule Rule) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(int(rule.N))
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, rule.errorBody())
	}
}

// answer passes an answer on, changed as the rule says.
func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, resp *http.Response, rule Rule) error {
	h := w.Header()
	for k, v := range resp.Header {
		h[k] = v
	}
	body := io.Reader(resp.Body)
	if rule.Fault == LieETag || rule.Fault == LieSum || rule.Fault == LieSize || rule.Fault == Truncate {
		content, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		content = lie(h, content, rule)
		if r.Method != http.MethodHead {
			h.Set("Content-Length", fmt.Sprint(len(content)))
		}
		body = strings.NewReader(string(content))
	}
	if rule.Fault != CutAnswer {
		w.WriteHeader(resp.StatusCode)
		_, err := io.Copy(w, body)
		return err
	}
	// The head says how much there is, and what follows is less.
	w.WriteHeader(resp.StatusCode)
	_, err := io.CopyN(w, body, rule.N)
	if err != nil && err != io.EOF {
		return err
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	return errCut
}

// cut ends the connection of a client without a word.
func cut(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
	_ = conn.Close()
}

// failing is a body that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }
