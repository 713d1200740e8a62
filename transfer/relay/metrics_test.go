package relay

import (
	"math"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ferry/framing"
)

// series is a line of Prometheus' text format: a name, labels in quotes, and a number.
var series = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:, ?[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")*\})?) ([^ ]+)$`)

// numbers reads all series of a server, strictly.
func numbers(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	s.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if typ := w.Header().Get("Content-Type"); typ != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("type %q", typ)
	}
	all := make(map[string]float64)
	text := w.Body.String()
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# HELP ") || strings.HasPrefix(line, "# TYPE ") {
			continue
		}
		m := series.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no series: %q", line)
			continue
		}
		v, err := strconv.ParseFloat(m[2], 64)
		if _, twice := all[m[1]]; twice || err != nil || math.IsNaN(v) {
			t.Errorf("%q: %v, there already: %v", line, err, twice)
		}
		if strings.Contains(line, "127.0.0") {
			t.Errorf("an address: %q", line)
		}
		all[m[1]] = v
	}
	return all
}

// TestNumbers: the numbers can be read, say what happened, and name nobody.
func TestNumbers(t *testing.T) {
	s, addr, _, _ := start(t, Config{Limits: plenty()})
	before := numbers(t, s)
	for _, name := range []string{`ferry_relay_bytes_total{to="listener"}`, `ferry_relay_refused_total{cause="call"}`, `ferry_relay_accepted_total{kind="ws"}`} {
		if v, ok := before[name]; !ok || v != 0 {
			t.Errorf("%s is %v at first, there: %v", name, v, ok)
		}
	}
	listener, dialler, lone := dial(t, addr), dial(t, addr), dial(t, addr)
	listener.claim("7")
	dialler.seek("7", [16]byte{})
	other := listener.joined(addr)
	dialler.hear(framing.TypeOK)
	lone.seek("8", [16]byte{})
	lone.hear(framing.TypeWait)
	strange := dial(t, addr)
	strange.say(framing.TypeJoin, append([]byte{1}, make([]byte, 15)...))
	strange.refused(framing.CodeVanished)
	passes(t, dialler.conn, other.conn, 5000)
	passes(t, other.conn, dialler.conn, 300)
	during := numbers(t, s)
	for name, want := range map[string]float64{"ferry_relay_rooms": 1, "ferry_relay_seekers": 1, "ferry_relay_links": 1, "ferry_relay_sources": 1} {
		if during[name] != want {
			t.Errorf("%s is %v instead of %v", name, during[name], want)
		}
	}
	halfCloses(t, dialler.conn, other.conn)
	want := map[string]float64{
		`ferry_relay_bytes_total{to="listener"}`: 5004, `ferry_relay_bytes_total{to="dialler"}`: 300_300,
		`ferry_relay_refused_total{cause="call"}`: 1, `ferry_relay_accepted_total{kind="tcp"}`: 5,
		"ferry_relay_link_seconds_count": 1, "ferry_relay_meet_seconds_count": 1, "ferry_relay_links": 0,
	}
	for end := time.Now().Add(patience); ; {
		after, wrong := numbers(t, s), ""
		for name, v := range want {
			if after[name] != v {
				wrong += name + " is " + strconv.FormatFloat(after[name], 'g', -1, 64) + "\n"
			}
			if after[name] < before[name] {
				t.Errorf("%s fell", name)
			}
		}
		if wrong == "" {
			return
		}
		if time.Now().After(end) { // the relay notes the end a little after the sides see it
			t.Fatal(wrong)
		}
	}
}
