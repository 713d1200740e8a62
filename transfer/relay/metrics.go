package relay

import (
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

// counts are the numbers that an operator can read. Their set is the server's own.
type counts struct {
	set                  *metrics.Set
	toListener, toSeeker *metrics.Counter
	linkSeconds          *metrics.Histogram
	meetSeconds          *metrics.Histogram
}

// newCounts makes the numbers; read is asked for those that are looked up.
func newCounts(read func() figures) *counts {
	set := metrics.NewSet()
	gauge := func(name string, of func(figures) int) {
		set.NewGauge(name, func() float64 { return float64(of(read())) })
	}
	gauge("ferry_relay_rooms", func(f figures) int { return f.rooms })
	gauge("ferry_relay_seekers", func(f figures) int { return f.seekers })
	gauge("ferry_relay_links", func(f figures) int { return f.links })
	gauge("ferry_relay_sources", func(f figures) int { return f.sources })
	gauge("ferry_relay_connections", func(f figures) int { return f.connections })
	c := &counts{
		set:         set,
		toListener:  set.NewCounter(`ferry_relay_bytes_total{to="listener"}`),
		toSeeker:    set.NewCounter(`ferry_relay_bytes_total{to="dialler"}`),
		linkSeconds: set.NewHistogram("ferry_relay_link_seconds"),
		meetSeconds: set.NewHistogram("ferry_relay_meet_seconds"), // from SEEK to OK
	}
	for _, cause := range []Cause{CauseToken, CauseTaken, CauseLimit, CauseAbsent, CauseGuesses, CauseCall, CauseLeaving, CauseProtocol, CauseSlow, CauseFiles, CauseBytes, CauseIdle} {
		c.refused(cause) // a rate of what never happened is 0, and not missing
	}
	for _, kind := range []string{kindTCP, kindTLS, kindWS} {
		c.accepted(kind)
	}
	return c
}

// figures are what the gauges say.
type figures struct{ rooms, seekers, links, sources, connections int }

func (c *counts) refused(cause Cause) *metrics.Counter {
	return c.set.GetOrCreateCounter(`ferry_relay_refused_total{cause="` + string(cause) + `"}`)
}

func (c *counts) accepted(kind string) *metrics.Counter {
	return c.set.GetOrCreateCounter(`ferry_relay_accepted_total{kind="` + kind + `"}`)
}

// answer writes all numbers.
func (c *counts) answer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	c.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
