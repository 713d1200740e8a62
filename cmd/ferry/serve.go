package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/serve"
	"ferry/transfer/store"
)

const (
	// defaultServeMemory is what all deliveries of a server may take together.
	defaultServeMemory = "256M"
	defaultServeLinks  = 256
	// servedBase is what a server takes besides: its code, links without deliveries, numbers.
	servedBase = 64 << 20
	// defaultServeDrain is how long deliveries may take to end; the unit's TimeoutStopSec is
	// more.
	defaultServeDrain = 10 * time.Minute
)

func serveCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "be a server where many put files, and get them",
		Description: "A server takes deliveries below --root, and sends what is there to who asks for it: ferry send --to ferry://HOST/PATH, and ferry receive --from ferry://HOST/PATH. " +
			"Who may come, and do what, is in the file of --authorized-keys, a key of ssh a line. " +
			"It runs until it is interrupted; SIGTERM lets the deliveries that run come to their end, exit 0 if they did, and SIGHUP has the keys be read again.",
		Flags: join(in(aboutConnection,
			everyday(&cli.StringFlag{Name: "listen", Usage: "listen on `ADDR`", Value: defaultListen}).
				more("Addresses are HOST:PORT, or :PORT for all of this machine. Port 0 picks one. A socket that systemd hands over takes its place."),
			everyday(&cli.StringFlag{Name: "authorized-keys", Usage: "let in whoever has a key in file `F`"}).aFile().
				more("A line is as in ssh's authorized_keys, with options before the key: path=\"in/alice\", upload, download, delete, quota=\"50G\", rate=\"20M\", max-links=\"4\", expires=\"20271231\". With neither upload nor download both hold. A file that changes is read again; one with a mistake leaves the old keys in force."),
			everyday(&cli.StringFlag{Name: "host-key", Usage: "be known by the key in `FILE`, made if absent"}).aFile().
				more("It is a private key in OpenSSH's format, and goes with --authorized-keys."),
			everyday(&cli.StringFlag{Name: "code-file", Usage: "let who has the code in `FILE` upload"}).aFile().
				more("Such a code is for many deliveries, which land below --root. A secret of 20 characters or more cannot be burnt by strangers who guess."),
			timeoutFlag(), retryFlag(),
		), storeFlags(), in(aboutDestination,
			everyday(&cli.StringFlag{Name: "root", Usage: "keep everything below `DIR`"}).aFile().
				more("It is a folder, made if absent, or s3://BUCKET/PREFIX."),
			boolFlag("no-sync", "do not wait for stable storage").
				more("A power cut may then lose what was delivered."),
			boolFlag("verify-disk", "read all back from the disk before the end"),
		), in(aboutLimits,
			everyday(&cli.StringFlag{Name: "memory", Usage: "take at most `SIZE` of memory", Value: defaultServeMemory}).
				more("Deliveries have it together. Each takes its share before it begins, and waits while there is none."),
			everyday(&cli.IntFlag{Name: "max-links", Usage: "serve `N` at once", Value: defaultServeLinks}).
				more("Who comes when all places are taken waits, and tries again. A key has half of them at most, unless its line has max-links. Who offers nothing for a minute, and asks for nothing, loses his."),
			everyday(&cli.DurationFlag{Name: "drain", Usage: "after SIGTERM, go on for `TIME`", Value: defaultServeDrain, DefaultText: "10m"}).
				more("Deliveries that run may end in it; nobody new is let in. What is left then goes on with the server that is started next, and this one ends with 143. 0 cuts at once."),
		), in(aboutOutput,
			everyday(&cli.StringFlag{Name: "metrics", Usage: "serve numbers for Prometheus on `ADDR`"}).
				more("A port alone is one of the loopback, and other addresses need --metrics-public."),
			boolFlag("metrics-public", "let others than this machine read the numbers"),
			jsonFlag(), quietFlag(),
		)),
		Action: func(c *cli.Context) error { return serveItems(c, env) },
	}
}

// serving is a server as the command line asks for it.
type serving struct {
	env     *Env
	log     *serveLog
	config  serve.Config
	store   *keys.Store // nil: nobody comes by key
	listen  string
	metrics string // address; "" is none
	drain   time.Duration

	keysFile string
	print    string // of the host key
	disk     string // the root, if it is a folder
}

// serveItems is the command. Errors of the command line are told before anything is opened.
func serveItems(c *cli.Context, env *Env) error {
	s, err := servingOf(c, env)
	if err != nil {
		return err
	}
	s.log = newServeLog(env, c.Bool("json"), c.Bool("quiet"))
	if err := s.open(c); err != nil {
		return err
	}
	return s.run(c.Context)
}

// servingOf reads the flags.
func servingOf(c *cli.Context, env *Env) (*serving, error) {
	s := &serving{env: env, listen: c.String("listen"), drain: c.Duration("drain")}
	s.config = serve.Config{Links: c.Int("max-links"), Umask: env.Umask, Timeout: c.Duration("timeout"), RetryFor: c.Duration("retry-for"), ExitOf: exitOfServed}
	memory, err := parseSize(c.String("memory"))
	switch {
	case c.Args().Present():
		return nil, usagef("serve", "serve takes no arguments, and not %q", c.Args().First())
	case c.String("root") == "":
		return nil, usagef("serve", "--root says where everything is kept: a folder, or s3://BUCKET/PREFIX")
	case !c.IsSet("authorized-keys") && !c.IsSet("code-file"):
		return nil, usagef("serve", "nobody could come: --authorized-keys says who may, or --code-file which code opens")
	case c.IsSet("authorized-keys") != c.IsSet("host-key"):
		return nil, usagef("serve", "--authorized-keys and --host-key go together: each side knows the other by its key")
	case s.config.Links < 1 || s.config.Links > 1<<16:
		return nil, usagef("serve", "--max-links is a number from 1 to %d, and not %d", 1<<16, s.config.Links)
	case s.drain < 0:
		return nil, usagef("serve", "--drain is a time such as 10m, and not %v", s.drain)
	case err != nil:
		return nil, usagef("serve", "--memory: %v", err)
	case memory < serve.LeastMemory:
		return nil, usagef("serve", "--memory has to be %s at least, which one delivery takes", sizeText(serve.LeastMemory))
	case c.IsSet(endpointFlag) && !store.Is(c.String("root")):
		return nil, usagef("serve", "--s3-endpoint goes with a --root that is s3://BUCKET/PREFIX")
	}
	s.config.Memory = memory
	if err := (pairing{verb: "serve", timeout: s.config.Timeout, retry: s.config.RetryFor}).checkTimes(); err != nil {
		return nil, err
	}
	s.metrics, err = metricsAddress(c)
	return s, err
}

// metricsAddress is where the numbers are: on the loopback, unless others may read them.
func metricsAddress(c *cli.Context) (string, error) {
	addr := c.String("metrics")
	if addr == "" {
		if c.Bool("metrics-public") {
			return "", usagef("serve", "--metrics-public goes with --metrics")
		}
		return "", nil
	}
	if strings.HasPrefix(addr, ":") && !c.Bool("metrics-public") {
		addr = "127.0.0.1" + addr
	}
	if !c.Bool("metrics-public") && !isLoopback(addr) {
		return "", usagef("serve", "--metrics %s could be read by others than this machine: add --metrics-public if that is meant", addr)
	}
	return addr, nil
}

// open reads the keys and the code, and opens the root.
func (s *serving) open(c *cli.Context) error {
	ctx := c.Context
	if name := c.String("authorized-keys"); name != "" {
		var err error
		s.keysFile = name
		if s.store, err = keys.OpenStore(name); err != nil {
			return usagef("serve", "--authorized-keys: %v", err)
		}
		signer, print, err := keys.LoadHostKey(c.String("host-key"))
		if err != nil {
			return usagef("serve", "--host-key: %v", err)
		}
		s.config.Host, s.config.Find, s.config.Verify, s.print = signer, s.store.Find, keys.Verify, print
	}
	if name := c.String("code-file"); name != "" {
		code, err := newCodeSource(pairing{verb: "serve", role: link.Receiver, codeFile: name}, s.env).fromFile(ctx)
		if err != nil {
			return err
		}
		s.config.Code, s.config.ByCode = code, keys.Grant{Upload: true}
	}
	var err error
	if s.config.Root, err = s.openRoot(ctx, c); err != nil {
		return err
	}
	s.config.Observe = s.log.observe
	return nil
}

// openRoot opens where everything is kept.
func (s *serving) openRoot(ctx context.Context, c *cli.Context) (serve.Root, error) {
	place := c.String("root")
	if store.Is(place) {
		if c.Bool("no-sync") {
			return nil, usagef("serve", "--no-sync is about a disk, and a store keeps what it acknowledges")
		}
		s.config.Each = servedMemory
		return openStore(ctx, place, store.Options{Endpoint: c.String(endpointFlag), Getenv: s.env.Getenv}, c.Bool("verify-disk"))
	}
	if err := refuseRemote("serve", "--root", place); err != nil {
		return nil, err
	}
	disk, err := serve.OpenDisk(place, serve.DiskOptions{NoSync: c.Bool("no-sync"), VerifyDisk: c.Bool("verify-disk")})
	if err != nil {
		return nil, &exitError{exit: exitDestination, err: fmt.Errorf("opening --root: %w", err)}
	}
	s.disk = disk.Place()
	return disk, nil
}

// exitOfServed is the exit code that a delivery has at the server. One that it gave up itself,
// since it ends or the client came again, was not finished.
func exitOfServed(r transfer.Result, err error) int {
	if err == nil {
		return exitOK
	}
	var own *transfer.Error
	if errors.As(err, &own) && own.Code == framing.CodeLost {
		return exitConnection
	}
	return exitOf(context.Background(), err, r, &tally{})
}
