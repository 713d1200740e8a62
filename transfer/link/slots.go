package link

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// stage is how far a connection without proof has come.
type stage uint8

const (
	stageSilent stage = iota // not a byte yet
	stageSpoke               // the TLS handshake has begun
	stageTLS                 // and is done; HELLO and PROOF are due
)

// staleAfter is for how long, counted from accept, a finished TLS handshake
// protects from eviction. An honest peer needs two round trips from accept to
// proof; one that was turned away meanwhile is back within another 640 ms.
const staleAfter = 500 * time.Millisecond

// slot is the place of one connection without proof.
type slot struct {
	conn   net.Conn
	source netip.Prefix
	born   time.Time
	stage  stage
	exempt bool // proven, or names a live session: neither counted for its source nor evicted
}

// slots bounds the connections without proof, in all and for each source. When
// one more comes, the least advanced goes, of those the oldest: so a crowd that
// idles at whatever step cannot keep out one that gets on.
type slots struct {
	mu  sync.Mutex
	all []*slot // by age
}

// sourceOf is what a source is counted by: an IPv4 address or an IPv6 /64.
func sourceOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits)
	return p
}

// admit finds a place for conn, by closing another one if need be. Without a
// place it returns nil and conn remains the caller's.
func (t *slots) admit(conn net.Conn) *slot {
	s := &slot{conn: conn, source: sourceOf(conn.RemoteAddr()), born: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	same := 0
	for _, o := range t.all {
		if o.source == s.source && !o.exempt {
			same++
		}
	}
	if same >= maxPerSource && !t.evict(func(o *slot) bool { return o.source == s.source }) {
		return nil
	}
	if len(t.all) >= maxPending && !t.evict(func(*slot) bool { return true }) {
		return nil
	}
	t.all = append(t.all, s)
	return s
}

// shed closes one connection, to give back its file descriptor.
func (t *slots) shed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.evict(func(*slot) bool { return true })
}

// evict closes the least advanced of those among, and of those the oldest. It
// needs t.mu.
func (t *slots) evict(among func(*slot) bool) bool {
	victim := -1
	for i, o := range t.all {
		if o.exempt || o.stage == stageTLS && time.Since(o.born) < staleAfter || !among(o) {
			continue
		}
		if victim < 0 || o.stage < t.all[victim].stage {
			victim = i
		}
	}
	if victim < 0 {
		return false
	}
	_ = t.all[victim].conn.Close() // its goroutine sees the error
	t.all = slices.Delete(t.all, victim, victim+1)
	return true
}

func (t *slots) advance(s *slot, to stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stage = to
}

// exempt keeps the place of a connection that is proven, or that names a live
// session: that is no proof yet, but none but the two ends know the name.
func (t *slots) exempt(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.exempt = true
}

// release gives the place back; conn stays as it is.
func (t *slots) release(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.all, s); i >= 0 {
		t.all = slices.Delete(t.all, i, i+1)
	}
}

// closeAll closes every connection without proof.
func (t *slots) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.all {
		_ = s.conn.Close()
	}
}
