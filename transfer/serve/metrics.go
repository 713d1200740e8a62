package serve

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/VictoriaMetrics/metrics"
)

// counts are the numbers that an operator can read. Their set is the server's own.
type counts struct {
	set  *metrics.Set
	sync *metrics.Histogram
}

// newCounts makes the numbers; read is asked for those that are looked up.
func newCounts(read func() figures) *counts {
	c := &counts{set: metrics.NewSet()}
	c.sync = c.set.NewHistogram("ferry_sync_seconds")
	gauge := func(name string, of func(figures) int64) {
		c.set.NewGauge(name, func() float64 { return float64(of(read())) })
	}
	gauge("ferry_links", func(f figures) int64 { return int64(f.links) })
	gauge("ferry_links_lost", func(f figures) int64 { return int64(f.lost) })
	gauge("ferry_memory_shared_bytes", func(f figures) int64 { return f.memory })
	gauge("ferry_deliveries_waiting", func(f figures) int64 { return int64(f.waiting) })
	gauge("ferry_draining", func(f figures) int64 { return int64(f.draining) })
	for _, d := range []Direction{Upload, Download} {
		c.bytes(d) // a rate of what never happened is 0, and not missing
		c.wire(d)
		c.items(d)
		c.seconds(d)
		c.deliveries(d, 0)
	}
	for _, cause := range causes {
		c.refused(cause)
	}
	return c
}

// figures are what the gauges say.
type figures struct {
	links, lost, waiting, draining int
	memory                         int64
}

func (c *counts) counter(name string, d Direction) *metrics.Counter {
	return c.set.GetOrCreateCounter(name + `{direction="` + string(d) + `"}`)
}

// bytes is content that crossed the network, while it does.
func (c *counts) bytes(d Direction) *metrics.Counter { return c.counter("ferry_bytes_total", d) }

// wire is all that crossed the network, once a delivery is over.
func (c *counts) wire(d Direction) *metrics.Counter { return c.counter("ferry_wire_bytes_total", d) }

// items are those that were delivered.
func (c *counts) items(d Direction) *metrics.Counter { return c.counter("ferry_items_total", d) }

func (c *counts) seconds(d Direction) *metrics.Histogram {
	return c.set.GetOrCreateHistogram(`ferry_delivery_seconds{direction="` + string(d) + `"}`)
}

func (c *counts) deliveries(d Direction, exit int) *metrics.Counter {
	return c.set.GetOrCreateCounter(`ferry_deliveries_total{direction="` + string(d) + `",exit="` + strconv.Itoa(exit) + `"}`)
}

func (c *counts) refused(cause Cause) *metrics.Counter {
	return c.set.GetOrCreateCounter(`ferry_refused_total{cause="` + string(cause) + `"}`)
}

// over counts a delivery that ended.
func (c *counts) over(d Delivery) {
	c.deliveries(d.Direction, d.Exit).Inc()
	c.wire(d.Direction).AddInt64(d.Result.Wire)
	if !d.Result.DryRun {
		c.items(d.Direction).AddInt64(d.Result.Delivered)
	}
	c.seconds(d.Direction).Update(d.Elapsed.Seconds())
}

// answer writes all numbers.
func (c *counts) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	c.set.WritePrometheus(w)
	var process bytes.Buffer
	metrics.WriteProcessMetrics(&process)
	for line := range bytes.Lines(process.Bytes()) {
		// A process that keeps its memory from others may not read these itself, and they
		// would stay 0.
		if !bytes.HasPrefix(line, []byte("process_io_")) {
			_, _ = w.Write(line) // who asks may have gone
		}
	}
}
