package main

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"ferry/transfer/relay"
)

const (
	// relayLogEvery is how often what happened is written: a crowd of strangers costs a
	// line a second for each cause, and not one each.
	relayLogEvery = time.Second
	// mostLinkLines is how many links may be told each time. The others are only counted.
	mostLinkLines = 32
)

// relayCauses are the words of text for a refusal.
var relayCauses = map[relay.Cause]string{
	relay.CauseToken:    "without the right token",
	relay.CauseTaken:    "the room is taken",
	relay.CauseLimit:    "over a limit",
	relay.CauseAbsent:   "the other side did not come",
	relay.CauseGuesses:  "too many wrong codes",
	relay.CauseCall:     "a call that is over",
	relay.CauseLeaving:  "the relay is ending",
	relay.CauseProtocol: "not this protocol",
	relay.CauseSlow:     "asked for nothing",
	relay.CauseFiles:    "too few file descriptors",
	relay.CauseBytes:    "over --max-bytes",
	relay.CauseIdle:     "nothing came",
}

// The objects of --json; JSON.md has them.

type jsonRelay struct {
	Type      string   `json:"type"` // listening
	Addresses []string `json:"addresses"`
	Metrics   string   `json:"metrics,omitempty"`
	Pin       string   `json:"pin,omitempty"`
}

type jsonDrain struct {
	Type string `json:"type"` // draining
	MS   int64  `json:"window_ms"`
}

type jsonRefused struct {
	Type  string `json:"type"` // refused
	Cause string `json:"cause"`
	Times int    `json:"times"`
}

type jsonCarried struct {
	Type      string `json:"type"` // carried
	Bytes     int64  `json:"bytes"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

type jsonRelayed struct {
	Type      string     `json:"type"` // result
	OK        bool       `json:"ok"`
	Exit      int        `json:"exit"`
	Links     int        `json:"links"`
	Refused   int        `json:"refused"`
	ElapsedMS int64      `json:"elapsed_ms"`
	Error     *jsonError `json:"error,omitempty"`
}

// relayLog tells what a relay does. No address of a client is in it.
type relayLog struct {
	env         *Env
	json, quiet bool
	metrics     string // where the numbers are; "" if nowhere
	pin         string // of the certificate; "" without TLS
	began       time.Time
	over        chan struct{} // closed by ended
	writing     sync.WaitGroup

	writeMu sync.Mutex // of the output

	mu      sync.Mutex
	refused map[relay.Cause]int // since they were told
	carried []relay.Event       // likewise, at most mostLinkLines
	links   int                 // in all
	no      int
}

func newRelayLog(env *Env, json, quiet bool) *relayLog {
	return &relayLog{env: env, json: json, quiet: quiet, began: time.Now(), over: make(chan struct{}), refused: make(map[relay.Cause]int)}
}

// observe is for relay.Config.
func (l *relayLog) observe(e relay.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case relay.EventRefused:
		l.no++
		l.refused[e.Cause]++
	case relay.EventLinked:
		l.links++
		if len(l.carried) < mostLinkLines {
			l.carried = append(l.carried, e)
		}
	}
}

// put writes an object or a line; either may be nil or empty.
func (l *relayLog) put(object any, line string) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.json {
		if object != nil {
			l.env.Stdout.Write(jsonLine(object))
		}
	} else if line != "" && !l.quiet {
		fmt.Fprintln(l.env.Stderr, line)
	}
}

// started says where the relay is, and begins to tell what happens.
func (l *relayLog) started(addr string, web bool) {
	if l.json {
		l.put(startObject(), "")
	}
	_, port, _ := net.SplitHostPort(addr)
	ways := []string{"tcp://HOST:" + port}
	if l.pin != "" {
		ways = append(ways, "tls://HOST:"+port)
	}
	if web {
		ways = append(ways, "wss://PROXY/PATH")
	}
	text := "a relay is listening on " + addr + "\nboth sides name it by --relay or FERRY_RELAY: " + strings.Join(ways, ", ")
	if l.pin != "" {
		text += "\nwho does not trust the certificate adds its pin: #sha256=" + l.pin
	}
	if l.metrics != "" {
		text += "\nnumbers are at http://" + l.metrics + "/metrics"
	}
	l.put(jsonRelay{"listening", []string{addr}, l.metrics, l.pin}, text)
	l.writing.Go(func() {
		tick := time.NewTicker(relayLogEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.tell()
			case <-l.over:
				return
			}
		}
	})
}

// tell writes what happened since it was called before.
func (l *relayLog) tell() {
	l.mu.Lock()
	refused, carried := l.refused, l.carried
	l.refused, l.carried = make(map[relay.Cause]int), nil
	l.mu.Unlock()
	for _, cause := range slices.Sorted(maps.Keys(refused)) {
		line := "refused: " + relayCauses[cause]
		if n := refused[cause]; n > 1 {
			line += fmt.Sprintf(" (%d times)", n)
		}
		l.put(jsonRefused{"refused", string(cause), refused[cause]}, line)
	}
	for _, e := range carried {
		l.put(jsonCarried{"carried", e.Bytes, e.Elapsed.Milliseconds()}, fmt.Sprintf("carried about %s in %v", sizeText(e.Bytes), e.Elapsed.Round(100*time.Millisecond)))
	}
}

func (l *relayLog) draining(window time.Duration) {
	l.put(drainBegins(window))
}

// failed says that the relay did not start.
func (l *relayLog) failed(err error, hint string) error {
	failed := &exitError{exit: exitConnection, err: err, hint: hint}
	if !l.json {
		return failed
	}
	l.put(startObject(), "")
	l.put(l.result(failed), "")
	failed.done = true
	return failed
}

// ended says what there was. err is why the relay ended, if no signal asked for it; how is that
// of a drain.
func (l *relayLog) ended(err, how error) error {
	close(l.over)
	l.writing.Wait()
	l.tell()
	failed, more := endOf(err, exitConnection, how, l.json)
	l.mu.Lock()
	text := fmt.Sprintf("carried %d connections, refused %d", l.links, l.no)
	l.mu.Unlock()
	l.put(l.result(failed), text+more)
	if failed != nil {
		return failed
	}
	return nil
}

func (l *relayLog) result(failed *exitError) jsonRelayed {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := jsonRelayed{Type: "result", OK: failed == nil, Links: l.links, Refused: l.no, ElapsedMS: time.Since(l.began).Milliseconds()}
	if failed != nil {
		o := outcome{err: failed, exit: failed.exit, hint: failed.hint}
		r.Exit, r.Error = failed.exit, o.object().Error
	}
	return r
}
