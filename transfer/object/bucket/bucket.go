package bucket

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// Options say how a store is reached.
type Options struct {
	// Endpoint is the URL of the store, http:// or https://, without a path. Empty: that of
	// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile, or else AWS itself.
	Endpoint string
	// Getenv is the environment; nil is an empty one.
	Getenv func(string) string
	// Waiting is told before each pause why an operation is tried again, and how long it has
	// failed. It is called by the goroutine of the operation, may be called by several at the
	// same time, and may be nil.
	Waiting func(err error, since time.Duration)
	// Patience is how long an operation is tried again; zero is two minutes.
	Patience time.Duration
}

// Bucket is a prefix of a bucket in a store. Keys given and returned are relative to it.
type Bucket struct {
	place  string // s3://bucket/prefix
	name   string
	prefix string // "" or with a slash behind

	retry     retrier
	core      *calls
	options   minio.Options
	host      string
	transport *http.Transport
	idle      func() // closes what the question for credentials left

	noSums atomic.Bool // the store takes no CRC64NVME
	cond   conditions
}

// openPatience bounds the first request of all: a name that is mistyped is told soon.
const openPatience = 10 * time.Second

// openStall bounds the wait for its answer. What listens there may be no store, and nobody can
// be told yet that it is waited for.
const openStall = 20 * time.Second

// Open finds credentials, and asks the store whether the bucket is there and may be listed.
// Place is what Parse takes. Errors are *Error, but for a place or an endpoint that is no such.
func Open(ctx context.Context, place string, o Options) (*Bucket, error) {
	// 1. Read what was asked for and what the environment says.
	name, prefix, err := Parse(place)
	if err != nil {
		return nil, err
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	f, err := find(ctx, o.Getenv)
	if err != nil {
		if ctx.Err() != nil {
			return nil, &Error{Kind: Other, Op: "open", Err: err}
		}
		return nil, &Error{Kind: NoCredentials, Op: "open", Err: err}
	}
	host, secure, err := parseEndpoint(first(o.Endpoint, o.Getenv("AWS_ENDPOINT_URL_S3"), o.Getenv("AWS_ENDPOINT_URL"), f.endpoint))
	if err != nil {
		f.idle()
		return nil, err
	}
	var roots *x509.CertPool
	if secure {
		if roots, err = authorities(o.Getenv(bundleName)); err != nil {
			f.idle()
			return nil, err
		}
	}
	b := &Bucket{place: strings.TrimSuffix(scheme+name+"/"+prefix, "/"), name: name, host: host, transport: newTransport(roots), idle: f.idle}
	if prefix != "" {
		b.prefix = prefix + "/"
	}
	b.retry = retrier{patience: o.Patience, waiting: o.Waiting, endpoint: host, bucket: name}
	if b.retry.patience <= 0 {
		b.retry.patience = patience
	}
	// 2. Make the client of the library, which tries nothing again by itself.
	b.options = minio.Options{Creds: f.creds, Secure: secure, Region: f.region, BucketLookup: minio.BucketLookupPath, MaxRetries: 1}
	aws := s3utils.IsAmazonEndpoint(url.URL{Host: host})
	if aws {
		b.options.BucketLookup = minio.BucketLookupAuto
	} else if f.region == "" {
		b.options.Region = defaultRegion
	}
	if b.core, err = b.client(); err != nil {
		b.Close()
		return nil, &Error{Kind: Other, Op: "open", Err: err}
	}
	// 3. Ask where the bucket is, and whether it is there.
	if err := b.find(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

const (
	defaultRegion = "us-east-1"
	awsHost       = "s3.amazonaws.com"
)

func parseEndpoint(text string) (host string, secure bool, err error) {
	if text == "" {
		return awsHost, true, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", false, fmt.Errorf("the endpoint %q is no URL: write https://HOST or http://HOST:PORT", plain(text))
	case u.User != nil:
		return "", false, errors.New("an endpoint holds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", false, fmt.Errorf("the endpoint %q has more than a host: the bucket belongs into s3://BUCKET/PREFIX", plain(text))
	}
	return u.Host, u.Scheme == "https", nil
}

// client makes a client for calls that take a context.
func (b *Bucket) client() (*calls, error) {
	o := b.options
	o.Transport = watched{next: b.transport}
	return newCalls(b.host, &o)
}

// clientOf makes a client for calls that take none: its requests have ctx.
func (b *Bucket) clientOf(ctx context.Context) (*calls, error) {
	o := b.options
	o.Transport = watched{next: b.transport, ctx: ctx}
	return newCalls(b.host, &o)
}

// find finds the region of the bucket, if none was named, and looks whether it may be listed.
func (b *Bucket) find(ctx context.Context) error {
	bound := min(openPatience, b.retry.patience)
	if b.options.Region == "" {
		err := b.retry.within(ctx, bound, "open", "", func(ctx context.Context, a *attempt) error {
			a.patient = openStall
			region, err := b.core.GetBucketLocation(ctx, b.name)
			b.options.Region = region
			return err
		})
		if err != nil {
			return err
		}
		core, err := b.client()
		if err != nil {
			return &Error{Kind: Other, Op: "open", Err: err}
		}
		b.core = core
	}
	b.retry.region = b.options.Region
	return b.retry.within(ctx, bound, "open", "", func(ctx context.Context, a *attempt) error {
		a.patient = openStall
		core, err := b.clientOf(ctx)
		if err != nil {
			return err
		}
		page, err := core.ListObjectsV2(b.name, b.prefix, "", "", "", 1)
		return readable(err, page.Name)
	})
}

// Place is s3://bucket/prefix, for messages.
func (b *Bucket) Place() string { return b.place }

// Endpoint is the host that requests go to, its port if one was given, and whether it is
// https. With AWS the bucket's own host has the same port.
func (b *Bucket) Endpoint() (host string, secure bool) { return b.host, b.options.Secure }

// Above is the place in which the last part of b's prefix is a name, and that name; nil for a
// whole bucket. The store is not asked. It shares the connections of b, whose Close ends them.
func (b *Bucket) Above() (above *Bucket, name string) {
	if b.prefix == "" {
		return nil, ""
	}
	prefix := strings.TrimSuffix(b.prefix, "/")
	at := strings.LastIndexByte(prefix, '/') + 1
	above = &Bucket{
		place: strings.TrimSuffix(scheme+b.name+"/"+prefix[:at], "/"), name: b.name, prefix: prefix[:at],
		retry: b.retry, core: b.core, options: b.options, host: b.host, transport: b.transport, idle: func() {},
	}
	return above, prefix[at:]
}

// Below is the place at path, clean and relative, in b; b itself for none. The store is not asked.
// It shares the connections of b, whose Close ends them.
func (b *Bucket) Below(path string) *Bucket {
	below := &Bucket{
		place: b.place, name: b.name, prefix: b.prefix,
		retry: b.retry, core: b.core, options: b.options, host: b.host, transport: b.transport, idle: func() {},
	}
	if path != "" {
		below.place, below.prefix = b.place+"/"+path, b.prefix+path+"/"
	}
	return below
}

// Close ends idle connections. No operation may be under way, and no body open.
func (b *Bucket) Close() {
	b.transport.CloseIdleConnections()
	b.idle()
}

// full checks a key, and puts the prefix before it.
func (b *Bucket) full(op, key string) (string, error) {
	full := b.prefix + key
	err := checkKey(full)
	if key == "" {
		err = errors.New("a key is not empty")
	}
	if err != nil {
		return "", &Error{Kind: Other, Op: op, Key: key, Err: err}
	}
	return full, nil
}

// conditions is what is known of conditional writes; mu guards known and honoured, and is not
// held while a store is asked: two that ask at once ask twice.
type conditions struct {
	mu       sync.Mutex
	known    bool
	honoured bool
}

func (c *conditions) get() (honoured, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.honoured, c.known
}

func (c *conditions) set(honoured bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.honoured = true, honoured
}

// probePrefix is where a probe stands for a moment, beside the state of uploads.
const probePrefix = ".ferry-partial/probe-"

// probeTime bounds Conditional, which has no context.
const probeTime = 30 * time.Second

// Conditional reports whether the store honours the conditions of writes. It is found out once,
// by writing a small object of a random name below .ferry-partial/, which is removed. True is
// also said if that cannot be found out, as with a key that may not write: nothing was seen of
// a store that honours none. Then it is tried again at the next question.
func (b *Bucket) Conditional() bool {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	honoured, err := b.honours(ctx)
	return err != nil || honoured
}

// honours asks the store, unless it was asked before.
func (b *Bucket) honours(ctx context.Context) (bool, error) {
	if honoured, known := b.cond.get(); known {
		return honoured, nil
	}
	key := probePrefix + rand.Text()
	full, err := b.full("put", key)
	if err != nil {
		return false, err
	}
	body := []byte("A trial whether this store honours conditions. It may be removed.\n")
	s := sumsOf(body, b.options.Secure)
	honoured := true
	for _, c := range []Condition{{}, {Absent: true}, {ETag: "00000000000000000000000000000000"}} {
		err := b.retry.do(ctx, "put", key, func(ctx context.Context, a *attempt) error {
			_, err := b.put(ctx, a, full, body, s, nil, c)
			if isPrecondition(err, c) {
				return nil
			}
			if err == nil && !c.none() {
				honoured = false
			}
			if code := codeOf(err); !c.none() && (code == "NotImplemented" || code == "InvalidArgument" || code == "InvalidRequest") {
				honoured = false
				return nil
			}
			return err
		})
		if err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
			b.Delete(last, []string{key}) // it may have come to be there
			cancel()
			return false, err
		}
		if !honoured {
			break
		}
	}
	for _, err := range b.Delete(ctx, []string{key}) {
		return false, err
	}
	b.cond.set(honoured)
	return honoured, nil
}
