package link

import (
	"crypto/hmac"
	"crypto/rand"
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
		_ = s.Conn.Close()
		if !l.isClosed() {
			l.cfg.notify(Event{Kind: EventStranger, Addr: addrOf(s.Conn), Err: err})
		}
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
	case peer.Method == framing.MethodCode && !l.cfg.Code.isZero():
		return l.admitPeer(s, c, peer, theirs)
	case peer.Method == framing.MethodKey && l.cfg.Keys != nil:
		return l.admitKey(s, c, peer, theirs)
	}
	// There is no code, or there are no keys.
	return l.turnAway(c, framing.CodeDeclined, errUnknown)
}

// opposite is the configuration of a link to that peer: with AnyRole its role is the one that
// the peer leaves.
func (l *Listener) opposite(peer framing.Hello) *Config {
	if l.cfg.Role != AnyRole {
		return &l.cfg
	}
	cfg := l.cfg
	cfg.Role = otherRole(peer.Role)
	return &cfg
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

// errOccupied: as many peers as are served at a time are there.
var errOccupied = errors.New("another peer holds the session")

// occupied returns why no peer with that claim can be admitted now, and CodeNone if one can.
// It takes the listener's lock.
func (l *Listener) occupied(by claim) (framing.Code, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return framing.CodeGaveUp, errUnknown
	case l.seats.full(by):
		return framing.CodeBusy, errOccupied
	}
	return framing.CodeNone, nil
}

// admitPeer takes a peer that offers to prove the code. It asks whether there is room
// before and after the wait for a turn, to spare the work, and judge asks again to be
// sure.
func (l *Listener) admitPeer(s *admission.Slot, c *ladder, peer framing.Hello, theirs helloBody) error {
	by := claim{from: s.Source}
	code, why := l.occupied(by)
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
	code, why = l.occupied(by)
	if code != framing.CodeNone {
		return l.turnAway(c, code, why)
	}
	p, err := newCodeProver(rand.Reader, l.cfg.Code, peer.Role, c.exporter)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	cfg := l.opposite(peer)
	m, err := answerHello(c, cfg, peer, theirs, p)
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
	instead, err := l.judge(t, by, hmac.Equal(got[:], m.dialler[:]))
	if err != nil {
		c.refuse(wrap("handshake", err).Code)
		var w *admission.Wrong
		if errors.As(err, &w) {
			l.toldWrong()
		}
		return err
	}
	l.slots.Exempt(s)
	link, err := l.welcome(c, cfg, peer, p, m.listener)
	l.publish(link, instead, by)
	return err
}

// judge takes the word that a confirmation, which has its turn, is right, and keeps a place
// for its link then. That is one step under the lock, so that a thousand guesses at once
// are still no more than the code bears.
func (l *Listener) judge(t *admission.Turn, by claim, right bool) (instead *seat, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, &Error{Code: framing.CodeGaveUp, Op: "handshake", Err: errUnknown}
	case l.seats.full(by):
		return nil, &Error{Code: framing.CodeBusy, Op: "handshake", Err: errOccupied}
	}
	if err := l.guesses.Settle(t, right); err != nil {
		return nil, refused(err)
	}
	instead, _ = l.seats.reserve(by) // they are not full
	return instead, nil
}

// toldWrong counts a source that was told of its wrong answer, and wakes Accept.
func (l *Listener) toldWrong() {
	l.guesses.ToldWrong()
	if burnt := l.guesses.Over(); burnt != nil && l.cfg.Keys != nil && !l.burnt.Swap(true) {
		l.cfg.notify(Event{Kind: EventBurnt, Err: burnt})
	}
	l.mu.Lock()
	l.signal()
	l.mu.Unlock()
}

// welcome sends our confirmation and makes the link. It comes only after judge: a listener
// that confirmed first would hand every stranger a guess that nobody counts.
func (l *Listener) welcome(c *ladder, cfg *Config, peer framing.Hello, p founder, mac [macSize]byte) (*Link, error) {
	proof := framing.Proof{MAC: mac}
	if err := c.send(framing.TypeProof, proof.Append(nil)); err != nil {
		return nil, err
	}
	return newLink(c, cfg, peer, p, nil)
}

// publish hands link, which has the place kept by judge, to Accept. Without a link it gives
// the place back.
func (l *Listener) publish(link *Link, instead *seat, by claim) {
	if link == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seats.cancel(instead)
		l.signal()
		return
	}
	l.cfg.notify(Event{Kind: EventConnected, Link: link, Addr: link.address()})
	l.mu.Lock()
	before, over := l.seats.fill(instead, link, by)
	l.signal()
	l.mu.Unlock()
	if before != nil {
		before.end(&Error{Code: framing.CodeLost, Op: "join", Err: ErrBegunAnew})
	}
	for _, o := range over {
		_ = o.Close() // nobody had it
	}
	l.slots.Spare()
}

// admitJoin takes a further connection of the proven link, or the first of the
// one that follows it. A wrong secret is no guess of the code and burns nothing:
// 64 random bytes are not guessed.
func (l *Listener) admitJoin(s *admission.Slot, c *ladder, peer framing.Hello, theirs helloBody) error {
	l.mu.Lock()
	link := l.seats.find(peer.Session)
	l.mu.Unlock()
	if code, err := mayJoin(link, peer); err != nil {
		return l.turnAway(c, code, err)
	}
	cfg := l.opposite(peer)
	if cfg.Role != link.session.role {
		err := protocolError("handshake", ErrSameRole)
		other := *cfg
		other.Role = link.session.role
		explain(c, &other, err)
		return err
	}
	l.slots.Exempt(s)
	p, err := newSessionProver(rand.Reader, link.session.secret, c.exporter)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	m, err := answerHello(c, cfg, peer, theirs, p)
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
	if peer.Purpose == framing.PurposeRejoin {
		if !link.conns.admits() {
			return l.turnAway(c, framing.CodeBusy, errStale)
		}
		defer link.conns.news.tell()
		defer link.conns.settled()
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
	if link == nil || isOver(link) {
		return framing.CodeDeclined, errUnknown
	}
	epoch, _ := link.conns.place()
	switch {
	case again && !link.rejoins(), !again && peer.Epoch != epoch:
		return framing.CodeDeclined, errUnknown
	case again && (peer.Epoch <= epoch || link.ending.closing.Load()):
		return framing.CodeBusy, errStale // when it is being closed no connection comes
	case peer.Stream >= MaxStreams, again && peer.Stream != 0:
		return framing.CodeProtocol, errTooMany
	case !link.conns.allows(int(peer.Stream)):
		return framing.CodeDeclined, errNotAllowed
	}
	return framing.CodeNone, nil
}
