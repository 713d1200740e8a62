package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ferry/transfer/serve"
)

const (
	// serveLogEvery is how often refusals are written: a crowd of strangers costs a line a
	// second for each cause, and not one each.
	serveLogEvery = time.Second
	// mostRefusers bounds the refusals that are told apart each time; others are counted by
	// cause alone.
	mostRefusers = 64
)

// serveCauses are the words of text for a refusal.
var serveCauses = map[serve.Cause]string{
	serve.CauseKey:      "the key is not in the file",
	serve.CauseExpired:  "the key has expired",
	serve.CauseCode:     "a wrong code",
	serve.CauseBusy:     "too many links at once",
	serve.CauseNotMay:   "the key may not do that",
	serve.CausePath:     "no path that may be asked for",
	serve.CauseQuota:    "over the quota",
	serve.CauseStranger: "ended before any proof",
	serve.CauseDraining: "the server is ending",
}

// The objects of --json; JSON.md has them.

type jsonServing struct {
	Type        string   `json:"type"` // listening
	Addresses   []string `json:"addresses"`
	Root        string   `json:"root"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Metrics     string   `json:"metrics,omitempty"`
}

type jsonKeys struct {
	Type  string     `json:"type"` // keys
	Keys  int        `json:"keys"`
	Error *jsonError `json:"error,omitempty"`
}

type jsonTurnedAway struct {
	Type        string `json:"type"` // refused
	Cause       string `json:"cause"`
	Times       int    `json:"times"`
	Key         string `json:"key,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Peer        string `json:"peer,omitempty"`
	Message     string `json:"message,omitempty"`
}

type jsonBurnt struct {
	Type    string `json:"type"` // burnt
	Message string `json:"message,omitempty"`
}

type jsonServed struct {
	Type        string     `json:"type"` // delivery
	Direction   string     `json:"direction"`
	Key         string     `json:"key"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Peer        string     `json:"peer"`
	Path        string     `json:"path"`
	DryRun      bool       `json:"dry_run,omitempty"`
	OK          bool       `json:"ok"`
	Exit        int        `json:"exit"`
	Items       int64      `json:"items"`
	Same        int64      `json:"same"`
	Failed      int64      `json:"failed"`
	Files       int64      `json:"files"`
	Bytes       int64      `json:"bytes"`
	Moved       int64      `json:"moved"`
	Wire        int64      `json:"wire_bytes"`
	Durable     bool       `json:"durable"`
	Receipt     string     `json:"receipt,omitempty"`
	ElapsedMS   int64      `json:"elapsed_ms"`
	Error       *jsonError `json:"error,omitempty"`
}

type jsonServeResult struct {
	Type       string     `json:"type"` // result
	OK         bool       `json:"ok"`
	Exit       int        `json:"exit"`
	Deliveries int        `json:"deliveries"`
	Refused    int        `json:"refused"`
	ElapsedMS  int64      `json:"elapsed_ms"`
	Error      *jsonError `json:"error,omitempty"`
}

// refuser tells refusals apart: by cause, key, and the address without its port.
type refuser struct {
	cause            serve.Cause
	key, print, host string
}

// serveLog tells what a server does: the audit.
type serveLog struct {
	env         *Env
	json, quiet bool
	metrics     string // where the numbers are; "" if nowhere
	began       time.Time

	writeMu sync.Mutex // of the output

	mu         sync.Mutex // guards what follows
	refused    map[refuser]*jsonTurnedAway
	deliveries int // in all
	no         int
}

func newServeLog(env *Env, json, quiet bool) *serveLog {
	return &serveLog{env: env, json: json, quiet: quiet, began: time.Now(), refused: make(map[refuser]*jsonTurnedAway)}
}

// put writes an object or a line; either may be nil or empty.
func (l *serveLog) put(object any, line string) {
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

// observe is for serve.Config.
func (l *serveLog) observe(e serve.Event) {
	switch e := e.(type) {
	case serve.Delivery:
		l.delivered(e)
	case serve.Refusal:
		l.turnedAway(e)
	case serve.Burnt:
		l.put(jsonBurnt{"burnt", errorText(e.Err)}, burntText)
	}
}

// delivered writes the line of a delivery.
func (l *serveLog) delivered(d serve.Delivery) {
	l.mu.Lock()
	l.deliveries++
	l.mu.Unlock()
	r := d.Result
	who := cmp.Or(plain(oneLine(d.Comment)), d.Fingerprint, "by code")
	o := jsonServed{
		Type: "delivery", Direction: string(d.Direction), Key: plain(oneLine(d.Comment)), Fingerprint: d.Fingerprint, Peer: plain(d.Peer), Path: plain(d.Path),
		DryRun: r.DryRun, OK: d.Exit == exitOK, Exit: d.Exit, Items: r.Delivered, Same: r.Same, Failed: r.Failed, Files: r.Files, Bytes: r.Bytes, Moved: r.Moved, Wire: r.Wire, Durable: r.Durable,
		ElapsedMS: d.Elapsed.Milliseconds(),
	}
	what := items(r.Delivered)
	if r.Same > 0 {
		what += fmt.Sprintf(" and %d unchanged", r.Same)
	}
	line := fmt.Sprintf("%s: %s %s %s, %s, %s in %v, exit %d", d.Direction, who, d.Peer, show(d.Path), what, sizeText(r.Bytes), d.Elapsed.Round(time.Millisecond), d.Exit)
	if r.DryRun {
		line = "dry run, nothing was changed: " + line
	}
	if r.Digest != [32]byte{} {
		o.Receipt = hex.EncodeToString(r.Digest[:])
		line += ", receipt " + o.Receipt
	}
	if d.Err != nil {
		end := outcome{result: r, err: d.Err, exit: d.Exit}
		o.Error = &jsonError{Code: end.word(), Message: errorText(d.Err)}
		line += ": " + errorText(d.Err)
	}
	l.put(o, line)
}

// turnedAway keeps a refusal until it is told.
func (l *serveLog) turnedAway(r serve.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.no++
	who := refuser{r.Cause, r.Comment, r.Fingerprint, hostOf(r.Peer)}
	if l.refused[who] == nil && len(l.refused) >= mostRefusers {
		who = refuser{cause: r.Cause}
	}
	o := l.refused[who]
	if o == nil {
		o = &jsonTurnedAway{Type: "refused", Cause: string(r.Cause), Key: plain(oneLine(who.key)), Fingerprint: who.print}
		l.refused[who] = o
	}
	if who.host != "" {
		o.Peer = plain(r.Peer) // the latest of its ports
	}
	if o.Times++; r.Err != nil && who.print != "" {
		o.Message = errorText(r.Err)
	}
}

// tell writes the refusals since it was called before.
func (l *serveLog) tell() {
	l.mu.Lock()
	refused := l.refused
	l.refused = make(map[refuser]*jsonTurnedAway)
	l.mu.Unlock()
	order := slices.SortedFunc(maps.Keys(refused), func(a, b refuser) int {
		return cmp.Or(cmp.Compare(a.cause, b.cause), cmp.Compare(a.key, b.key), cmp.Compare(a.print, b.print), cmp.Compare(a.host, b.host))
	})
	for _, who := range order {
		o := refused[who]
		line := "refused: " + strings.Join(slices.DeleteFunc([]string{cmp.Or(o.Key, o.Fingerprint), o.Peer, serveCauses[who.cause]}, func(s string) bool { return s == "" }), " ")
		if o.Times > 1 {
			line += fmt.Sprintf(" (%d times)", o.Times)
		}
		l.put(o, line)
	}
}

// run tells refusals until ctx ends.
func (l *serveLog) run(ctx context.Context) {
	tick := time.NewTicker(serveLogEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.tell()
		case <-ctx.Done():
			return
		}
	}
}

// started says where the server is.
func (l *serveLog) started(s *serving, addr string) {
	if l.json {
		l.put(startObject(), "")
	}
	root := s.config.Root.Place()
	text := fmt.Sprintf("serving %s on %s", show(root), addr)
	if s.print != "" {
		text += "\nknown by the host key " + s.print
	}
	if l.metrics != "" {
		text += "\nnumbers are at http://" + l.metrics + "/metrics"
	}
	l.put(jsonServing{"listening", []string{addr}, plain(root), s.print, l.metrics}, text)
}

// keys says that the keys were read again, or why they were not.
func (l *serveLog) keys(n int, err error) {
	o := jsonKeys{Type: "keys", Keys: n}
	line := fmt.Sprintf("the keys were read again: %d of them", n)
	if err != nil {
		o.Error = &jsonError{Code: "usage", Message: errorText(err)}
		line = fmt.Sprintf("the keys stay as they were (%d of them): %s", n, errorText(err))
	}
	l.put(o, line)
}

func (l *serveLog) draining(window time.Duration) {
	l.put(drainBegins(window))
}

// failed says that the server did not start.
func (l *serveLog) failed(err error, hint string) error {
	failed := &exitError{exit: exitConnection, err: err, hint: hint}
	if !l.json {
		return failed
	}
	l.put(startObject(), "")
	l.put(l.result(failed), "")
	failed.done = true
	return failed
}

// ended says what there was. err is why the server ended, if no signal asked for it; how is that
// of a drain.
func (l *serveLog) ended(err, how error) error {
	l.tell()
	failed, more := endOf(err, exitRefused, how, l.json)
	l.mu.Lock()
	text := fmt.Sprintf("served %d deliveries, refused %d", l.deliveries, l.no)
	if l.deliveries == 1 {
		text = fmt.Sprintf("served 1 delivery, refused %d", l.no)
	}
	l.mu.Unlock()
	l.put(l.result(failed), text+more)
	if failed != nil {
		return failed
	}
	return nil
}

func (l *serveLog) result(failed *exitError) jsonServeResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := jsonServeResult{Type: "result", OK: failed == nil, Deliveries: l.deliveries, Refused: l.no, ElapsedMS: time.Since(l.began).Milliseconds()}
	if failed != nil {
		o := outcome{err: failed, exit: failed.exit, hint: failed.hint}
		r.Exit, r.Error = failed.exit, o.object().Error
	}
	return r
}
