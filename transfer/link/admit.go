package link

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/record"
)

// handle takes one connection from its first byte to its proof, or closes it.
func (l *Listener) handle(s *admission.Slot) {
	defer l.slots.Release(s)
	c, err := l.greet(s)
	if err != nil {
		// It never got as far as our TLS, which is no news: ports are scanned.
		_ = s.Conn.Close()
		return
	}
	if err := l.admit(s, c); err != nil {
		_ = s.Conn.Close()
		l.report(c, err)
	}
}

func (l *Listener) report(c *ladder, err error) {
	e := Event{Kind: EventBroken, Addr: addrOf(c.raw), Err: err}
	var w *admission.Wrong
	if errors.As(err, &w) {
		e.Kind, e.Attempts, e.Limit = EventRefused, w.Count, w.Total
	}
	l.cfg.notify(e)
}

// greet runs TLS under the absolute limits that count from accept.
func (l *Listener) greet(s *admission.Slot) (*ladder, error) {
	if err := s.Conn.SetDeadline(s.Born.Add(admission.FirstByteLimit)); err != nil {
		return nil, err
	}
	raw := record.NewConn(s.Conn)
	if err := raw.AwaitByte(); err != nil {
		return nil, err
	}
	if !l.slots.Begin(s) {
		return nil, errCrowded
	}
	if err := s.Conn.SetDeadline(s.Born.Add(admission.TLSLimit)); err != nil {
		return nil, err
	}
	c, err := openLadder(raw, l.conf, listening)
	if err != nil {
		return nil, err
	}
	l.slots.Shook(s)
	return c, s.Conn.SetDeadline(s.Born.Add(admission.ProofLimit))
}

// admit reads HELLO and goes on as its purpose says. An error has been told the
// peer as far as it may be.
func (l *Listener) admit(s *admission.Slot, c *ladder) error {
	peer, theirs, err := readHello(c, l.cfg.Role)
	if err != nil {
		explain(c, &l.cfg, err)
		return err
	}
	switch {
	case peer.Purpose == framing.PurposeStream, peer.Purpose == framing.PurposeRejoin:
		return l.admitJoin(s, c, peer, theirs)
	case peer.Purpose == framing.PurposeNew && peer.Method == framing.MethodCode:
		return l.admitPeer(s, c, peer, theirs)
	}
	// There are no keys.
	return l.turnAway(c, framing.CodeDeclined, errUnknown)
}

// turnAway tells the peer code and returns it with err.
func (l *Listener) turnAway(c *ladder, code framing.Code, err error) error {
	c.refuse(code)
	return &Error{Code: code, Op: "handshake", Err: err}
}

// errCrowded: others were before it, or had the better claim to a place.
var errCrowded = errors.New("no place for the handshake")

// refused makes what package admission says an error of the handshake.
func refused(r *admission.Refusal) error {
	return &Error{Code: r.Code, Op: "handshake", Err: r.Err}
}

// errOccupied: only one peer at a time is served.
var errOccupied = errors.New("another peer holds the session")

// occupied returns why no peer can be admitted now, and CodeNone if one can. A peer that
// knows the code may take the place of a lost link: its process was started again. It
// needs l.mu.
func (l *Listener) occupied() (framing.Code, error) {
	switch {
	case l.closed:
		return framing.CodeGaveUp, errUnknown
	case l.proving, l.active != nil && l.active.conns.inUse():
		return framing.CodeBusy, errOccupied
	}
	return framing.CodeNone, nil
}

// admitPeer takes a peer that offers to prove the code. It asks whether there is room
// before and after the wait for a turn, to spare the work, and judge asks again to be
// sure.
func (l *Listener) admitPeer(s *admission.Slot, c *ladder, peer framing.Hello, theirs helloBody) error {
	l.mu.Lock()
	code, why := l.occupied()
	l.mu.Unlock()
	if code != framing.CodeNone {
		return l.turnAway(c, code, why)
	}
	if l.guesses.Paced() {
		// It computes nothing while it waits, and Guesses counts it: another may have its
		// place.
		l.slots.Release(s)
	}
	t, none := l.guesses.Begin(s.Source, s.Born, s.Born.Add(admission.TurnLimit))
	if none != nil {
		c.refuse(none.Code)
		return refused(none)
	}
	defer l.guesses.End(t)
	l.mu.Lock()
	code, why = l.occupied()
	l.mu.Unlock()
	if code != framing.CodeNone {
		return l.turnAway(c, code, why)
	}
	p, err := newCodeProver(rand.Reader, l.cfg.Code, peer.Role, c.exporter)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	m, err := answerHello(c, &l.cfg, peer, theirs, p)
	if err != nil {
		c.refuse(wrap("handshake", err).Code)
		return err
	}
	t.Asked()
	answered := time.Now()
	got, err := readProof(c)
	if err != nil {
		return c.refuseViolation(err)
	}
	c.rtt = time.Since(answered)
	if late := l.guesses.Answered(t, s.Born.Add(admission.ProofLimit)); late != nil {
		c.refuse(late.Code)
		return refused(late)
	}
	if err := l.judge(t, got, m); err != nil {
		c.refuse(wrap("handshake", err).Code)
		var w *admission.Wrong
		if errors.As(err, &w) {
			l.toldWrong()
		}
		return err
	}
	l.slots.Exempt(s)
	link, err := l.welcome(c, peer, p, m)
	l.publish(link)
	return err
}

// judge looks at a confirmation that has its turn and, if it is right, takes the
// session for this connection. That is one step under the lock, so that a thousand
// guesses at once are still no more than the code bears.
func (l *Listener) judge(t *admission.Turn, got [macSize]byte, m macs) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if code, why := l.occupied(); code != framing.CodeNone {
		return &Error{Code: code, Op: "handshake", Err: why}
	}
	if err := l.guesses.Settle(t, hmac.Equal(got[:], m.dialler[:])); err != nil {
		return refused(err)
	}
	l.proving = true
	return nil
}

// toldWrong counts a source that was told of its wrong answer, and wakes Accept.
func (l *Listener) toldWrong() {
	l.guesses.ToldWrong()
	l.mu.Lock()
	l.signal()
	l.mu.Unlock()
}

// welcome sends our confirmation and makes the link. It comes only after judge: a listener
// that confirmed first would hand every stranger a guess that nobody counts.
func (l *Listener) welcome(c *ladder, peer framing.Hello, p *codeProver, m macs) (*Link, error) {
	proof := framing.Proof{MAC: m.listener}
	if err := c.send(framing.TypeProof, proof.Append(nil)); err != nil {
		return nil, err
	}
	return newLink(c, &l.cfg, peer, p, nil)
}

// publish hands link to Accept, or gives up the session when there is none.
func (l *Listener) publish(link *Link) {
	if link != nil {
		l.cfg.notify(Event{Kind: EventConnected, Addr: link.address()})
	}
	l.mu.Lock()
	before, unclaimed := l.active, l.ready
	l.proving = false
	if link != nil {
		l.active, l.ready = link, link
	}
	l.signal()
	l.mu.Unlock()
	if link == nil {
		return
	}
	if before != nil {
		before.end(&Error{Code: framing.CodeLost, Op: "join", Err: ErrBegunAnew})
	}
	if unclaimed != nil {
		_ = unclaimed.Close() // over, and nobody had it
	}
	l.slots.Spare()
}

// admitJoin takes a further connection of the proven link, or the first of the
// one that follows it. A wrong secret is no guess of the code and burns nothing:
// 64 random bytes are not guessed.
func (l *Listener) admitJoin(s *admission.Slot, c *ladder, peer framing.Hello, theirs helloBody) error {
	l.mu.Lock()
	link := l.active
	l.mu.Unlock()
	if code, err := mayJoin(link, peer); err != nil {
		return l.turnAway(c, code, err)
	}
	l.slots.Exempt(s)
	p, err := newSessionProver(rand.Reader, link.session.secret, c.exporter)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	m, err := answerHello(c, &l.cfg, peer, theirs, p)
	if err != nil {
		c.refuse(wrap("handshake", err).Code)
		return err
	}
	got, err := readProof(c)
	if err != nil {
		return c.refuseViolation(err)
	}
	if !hmac.Equal(got[:], m.dialler[:]) {
		return l.turnAway(c, framing.CodeCodeRefused, errMAC)
	}
	// Our confirmation goes out before anybody can use the stream.
	proof := framing.Proof{MAC: m.listener}
	if err := c.send(framing.TypeProof, proof.Append(nil)); err != nil {
		return err
	}
	if peer.Purpose == framing.PurposeRejoin {
		_, err = link.resume(c, peer.Epoch, 1)
		return err
	}
	return link.add(int(peer.Stream), c, peer.Epoch)
}

// mayJoin returns why a connection cannot be one of the link, which may be nil, and what
// the other side is told.
func mayJoin(link *Link, peer framing.Hello) (framing.Code, error) {
	again := peer.Purpose == framing.PurposeRejoin
	if link == nil || isOver(link) || subtle.ConstantTimeCompare(peer.Session[:], link.session.id[:]) != 1 {
		return framing.CodeDeclined, errUnknown
	}
	epoch, _ := link.conns.place()
	switch {
	case again && !link.rejoins(), !again && peer.Epoch != epoch:
		return framing.CodeDeclined, errUnknown
	case again && peer.Epoch <= epoch:
		return framing.CodeBusy, errStale
	case peer.Stream >= MaxStreams, again && peer.Stream != 0:
		return framing.CodeProtocol, errTooMany
	case !link.conns.allows(int(peer.Stream)):
		return framing.CodeDeclined, errNotAllowed
	}
	return framing.CodeNone, nil
}
