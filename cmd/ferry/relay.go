package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer/relay"
)

const (
	// defaultRelayListen is one above the port of a side that listens.
	defaultRelayListen = ":33780"
	defaultDrain       = time.Hour
	// What a token may have, in bytes. Fewer can be guessed from what is overheard.
	leastToken, mostToken = 16, 1024
)

func relayCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "relay",
		Usage: "be where two sides meet that cannot reach each other",
		Description: "A relay joins two sides that both call it, and carries what they say, which it cannot read. " +
			"It runs until it is interrupted; SIGTERM lets the deliveries that run come to their end, exit 0 if they did. It keeps nothing on disk. " +
			"The sides name it by --relay or FERRY_RELAY.",
		Flags: join(in(aboutConnection,
			everyday(&cli.StringFlag{Name: "listen", Usage: "listen on `ADDR`", Value: defaultRelayListen}).
				more("Addresses are HOST:PORT, or :PORT for all of this machine. Port 0 picks one."),
			everyday(&cli.StringFlag{Name: "token-file", Usage: "serve only who has the token in `FILE`"}).aFile().
				more(fmt.Sprintf("It has %d to %d bytes, white space around them left out. Both sides of a delivery need the same.", leastToken, mostToken)),
			everyday(&cli.StringFlag{Name: "tls-cert", Usage: "take TLS too, with the chain in `FILE`"}).aFile().
				more("What is carried is encrypted without it. TLS gets through networks that let nothing else pass, and costs three times the CPU. A file that changes is read again."),
			everyday(&cli.StringFlag{Name: "tls-key", Usage: "the key of --tls-cert, in `FILE`"}).aFile(),
			everyday(boolFlag("behind-proxy", "take WebSockets, and believe a proxy")).
				more("A proxy at a private address may say by X-Forwarded-For or PROXY version 2 whom it speaks for. The relay's own port should then be reached by nobody else."),
		), in(aboutLimits,
			everyday(&cli.StringFlag{Name: "max-rate", Usage: "carry at most `RATE` bytes a second in all", Value: "0"}).more("0 is no limit."),
			everyday(&cli.StringFlag{Name: "max-link-rate", Usage: "and at most `RATE` for one connection", Value: "0"}).more("0 is no limit. A delivery may have up to 16."),
			everyday(&cli.StringFlag{Name: "max-bytes", Usage: "carry at most `SIZE` for one meeting", Value: "0"}).more("0 is no limit. Both directions count, and all connections of the room."),
			optionOf(&cli.IntFlag{Name: "max-rooms", Usage: "hold `N` rooms at once", Value: 1000}),
			optionOf(&cli.IntFlag{Name: "max-links", Usage: "carry `N` connections at once", Value: 500}),
			optionOf(&cli.IntFlag{Name: "max-per-source", Usage: "let `N` wait of one address", Value: 64}).
				more("They are rooms and sides that wait, of one IPv4 address or IPv6 /64. Eight times as many of its connections are carried, and at most half of --max-links."),
			everyday(&cli.DurationFlag{Name: "drain", Usage: "after SIGTERM, go on for `TIME`", Value: defaultDrain, DefaultText: "1h"}).more("Deliveries that run may end in it; nobody new is let in. What is left then is cut, and the exit code is 143."),
		), in(aboutOutput,
			everyday(&cli.StringFlag{Name: "metrics", Usage: "serve numbers for Prometheus on `ADDR`"}).
				more("A port alone is one of the loopback."),
			jsonFlag(), quietFlag(),
		)),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("relay", "relay takes no arguments, and not %q", c.Args().First())
			}
			config, err := relayConfig(c)
			if err != nil {
				return err
			}
			l := newRelayLog(env, c.Bool("json"), c.Bool("quiet"))
			if config.TLS != nil {
				if l.pin, err = pinOf(config.TLS); err != nil {
					return usagef("relay", "--tls-cert: %v", err)
				}
			}
			return l.serve(c, config)
		},
	}
}

// relayConfig reads the flags.
func relayConfig(c *cli.Context) (config relay.Config, err error) {
	config = relay.Config{
		BehindProxy: c.Bool("behind-proxy"),
		Limits:      relay.Limits{Rooms: c.Int("max-rooms"), Links: c.Int("max-links"), PerSource: c.Int("max-per-source")},
	}
	for _, name := range []string{"max-rooms", "max-links", "max-per-source"} {
		if n := c.Int(name); n < 1 || n > 1<<20 {
			return config, usagef("relay", "--%s is a number from 1 to %d, and not %d", name, 1<<20, n)
		}
	}
	if c.Duration("drain") < 0 {
		return config, usagef("relay", "--drain is a time such as 10m, and not %v", c.Duration("drain"))
	}
	for name, to := range map[string]*int64{"max-rate": &config.Limits.Rate, "max-link-rate": &config.Limits.LinkRate} {
		if *to, err = parseRate(c.String(name)); err != nil {
			return config, usagef("relay", "--%s: %v", name, err)
		}
	}
	if config.Limits.Bytes, err = parseSize(c.String("max-bytes")); err != nil {
		return config, usagef("relay", "--max-bytes: %v", err)
	}
	if name := c.String("token-file"); c.IsSet("token-file") {
		if config.Token, err = readToken(name); err != nil {
			return config, usagef("relay", "--token-file: %v", err)
		}
	}
	cert, key := c.String("tls-cert"), c.String("tls-key")
	if (cert == "") != (key == "") {
		return config, usagef("relay", "--tls-cert and --tls-key go together")
	}
	if cert != "" {
		kept := &keptPair{cert: cert, key: key}
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: kept.get}
	}
	return config, nil
}

// pinOf is what clients pin, of the certificate as it is now.
func pinOf(config *tls.Config) (string, error) {
	pair, err := config.GetCertificate(nil)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pair.Leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

// readToken returns what a file holds without the white space around it.
func readToken(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	b, err := io.ReadAll(io.LimitReader(f, mostToken+2))
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < leastToken || len(token) > mostToken {
		return nil, fmt.Errorf("%s has a token of %d bytes, and %d to %d are allowed", name, len(token), leastToken, mostToken)
	}
	return []byte(token), nil
}

// keptPair is a certificate that is read again when its file has changed, so that one which
// is renewed needs no new relay.
type keptPair struct {
	cert, key string

	mu      sync.Mutex
	changed time.Time
	pair    *tls.Certificate
}

// get is for tls.Config. A pair that cannot be read leaves the old one.
func (k *keptPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.cert)
	if err == nil && (k.pair == nil || !info.ModTime().Equal(k.changed)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.cert, k.key); err == nil {
			k.pair, k.changed = &pair, info.ModTime()
		}
	}
	if k.pair == nil {
		return nil, err
	}
	return k.pair, nil
}

// serve listens, serves, and says so, in these steps:
//
//  1. Listen, for clients and for the numbers.
//  2. Serve until a signal. An interrupt ends everything, SIGTERM begins the drain.
//  3. Say what there was.
func (l *relayLog) serve(c *cli.Context, config relay.Config) error {
	ctx := c.Context
	var nets net.ListenConfig
	ln, err := nets.Listen(ctx, "tcp", c.String("listen"))
	if err != nil {
		return l.failed(fmt.Errorf("listening: %w", err), listenHint(err))
	}
	defer ln.Close()
	config.Observe = l.observe
	server := relay.New(config)
	if addr := c.String("metrics"); addr != "" {
		if strings.HasPrefix(addr, ":") {
			addr = "127.0.0.1" + addr
		}
		numbers, err := nets.Listen(ctx, "tcp", addr)
		if err != nil {
			return l.failed(fmt.Errorf("listening for --metrics: %w", err), "name another address by --metrics")
		}
		web := &http.Server{Handler: server.Metrics(), ReadHeaderTimeout: 10 * time.Second}
		var serving sync.WaitGroup
		serving.Go(func() { web.Serve(numbers) })
		defer serving.Wait()
		defer web.Close()
		l.metrics = numbers.Addr().String()
	}
	l.started(ln.Addr().String(), config.BehindProxy)
	d := newDrain(ctx, l.env, c.Duration("drain"), func() { l.draining(c.Duration("drain")) })
	err = server.Serve(d.cut, ctx, ln)
	return l.ended(err, d.end())
}
