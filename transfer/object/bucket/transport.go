package bucket

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Limits of a request. A request that makes no progress for so long is given up, and tried
// again if it may be.
const (
	stall         = time.Minute      // nothing sent, no header and no byte of the answer
	stallComplete = 15 * time.Minute // a store may put a file together before it answers
	dialTime      = 10 * time.Second
	maxInFlight   = 32       // idle connections that are kept
	maxAnswer     = 16 << 20 // bytes of an answer that is no object: a page of 1000 long keys fits
)

var (
	errStalled  = errors.New("no answer in time")
	errTooLarge = errors.New("the answer is larger than any that fits the question")
)

// exchange is one attempt of an operation, as the transport sees it. It is owned by the
// goroutine of the operation; the transport fills it before that has its answer.
type exchange struct {
	object  bool          // the answer is an object's content: no limit, and read later
	patient time.Duration // time without progress, in the place of stall; zero: that
	header  http.Header   // of the last answer
	status  int           // of the last answer; zero: there was none
	stalled bool          // given up for want of progress
	mu      sync.Mutex    // stalled is set by a timer's goroutine
}

func (x *exchange) isStalled() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stalled
}

type exchangeKey struct{}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// bundleName is the variable that names a file of certificates, as other tools for S3 have it.
const bundleName = "AWS_CA_BUNDLE"

// maxBundle bounds that file, in bytes.
const maxBundle = 16 << 20

// authorities are those of the system and of a file of certificates; nil without one.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	refused := func(why string, err error) error { return say(err, "%s=%s %s", bundleName, plain(file), why) }
	f, err := os.Open(file)
	if err != nil {
		return nil, refused("cannot be read: "+innermost(err).Error(), err)
	}
	defer f.Close() // read only
	text, err := io.ReadAll(io.LimitReader(f, maxBundle))
	if err != nil {
		return nil, refused("cannot be read: "+innermost(err).Error(), err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // there is none on this system
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, refused("has no certificate in PEM", nil)
	}
	return pool, nil
}

// newTransport is a transport that trusts roots; nil are those of the system.
func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    dialTime,
		MaxIdleConns:           2 * maxInFlight,
		MaxIdleConnsPerHost:    maxInFlight,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // a range counts bytes of the object as it is
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         64 << 10,
	}
}

// watched is a transport that gives up a request without progress, limits answers, and keeps
// what the library above it drops: the header of each answer.
type watched struct {
	next http.RoundTripper
	ctx  context.Context // replaces that of a request, where the library takes none; may be nil

	limit time.Duration // without progress; zero: stall
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if w.ctx != nil {
		ctx = w.ctx
	}
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		x = &exchange{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	limit := w.limit
	if limit == 0 {
		limit = cmp.Or(x.patient, stall)
	}
	dog := newWatchdog(limit, func() {
		x.mu.Lock()
		x.stalled = true
		x.mu.Unlock()
		cancel(errStalled)
	})
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &sentBody{ReadCloser: req.Body, dog: dog}
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		dog.stop()
		cancel(nil)
		return nil, err
	}
	dog.pat()
	x.header, x.status = resp.Header, resp.StatusCode
	body := &gotBody{inner: resp.Body, dog: dog, cancel: cancel, left: maxAnswer}
	if x.object && resp.StatusCode < http.StatusMultipleChoices {
		body.left = -1
	}
	resp.Body = body
	return resp, nil
}

// watchdog calls bark if it is not patted for so long. The transport may read a request's
// body after the answer was closed, so a stopped one stays so.
type watchdog struct {
	limit time.Duration
	mu    sync.Mutex
	timer *time.Timer // nil: stopped
}

func newWatchdog(limit time.Duration, bark func()) *watchdog {
	return &watchdog{limit: limit, timer: time.AfterFunc(limit, bark)}
}

func (d *watchdog) pat() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Reset(d.limit)
	}
}

func (d *watchdog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// sentBody takes each reading of a request's body by the transport for progress.
type sentBody struct {
	io.ReadCloser
	dog *watchdog
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.dog.pat()
	return b.ReadCloser.Read(p)
}

// gotBody is the body of an answer; left is how many bytes it may still have, -1 any.
type gotBody struct {
	inner  io.ReadCloser
	dog    *watchdog
	cancel context.CancelCauseFunc
	left   int64
}

func (b *gotBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLarge
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	b.dog.pat()
	n, err := b.inner.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	return n, err
}

func (b *gotBody) Close() error {
	b.dog.stop()
	err := b.inner.Close()
	b.cancel(nil)
	return err
}
