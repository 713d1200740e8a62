package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that was measured, and the object that -json writes. Times are
// in seconds, sizes in bytes.
type report struct {
	Machine machine   `json:"machine"`
	Results []*result `json:"results"`
	LeftOut []leftOut `json:"left_out"`
}

type machine struct {
	OS        string    `json:"os"`
	Arch      string    `json:"arch"`
	CPUs      int       `json:"cpus"`
	GoVersion string    `json:"go"`
	Began     time.Time `json:"began"`
}

func thisMachine() machine {
	return machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Truncate(time.Second)}
}

// leftOut is something that was not measured. What is empty stands for all.
type leftOut struct {
	Tool     string `json:"tool,omitempty"`
	Link     string `json:"link,omitempty"`
	Workload string `json:"workload,omitempty"`
	Reason   string `json:"reason"`
}

func (l leftOut) String() string {
	parts := []string{"left out", l.Tool, l.Workload, l.Link, l.Reason}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// result is one workload over one link.
type result struct {
	Link      string        `json:"link"`
	Workload  string        `json:"workload"`
	Title     string        `json:"title"`
	Bytes     int64         `json:"bytes"`
	Files     int           `json:"files"`
	Reference string        `json:"reference"` // whose time the ratios have above the line
	Tools     []*toolResult `json:"tools"`
}

// toolResult is what one tool made of a workload: the medians of the rounds, but
// the highest peaks.
type toolResult struct {
	Tool  string `json:"tool"`
	Error string `json:"error,omitempty"` // of the run that failed; there are none after it
	sample
	Ratio  float64  `json:"ratio,omitempty"` // median over the rounds of the reference's time by this one's
	Rounds []sample `json:"rounds"`
}

// sample is one run of one tool.
type sample struct {
	Seconds float64 `json:"seconds,omitempty"`
	Near    use     `json:"near"` // of the sending side
	Far     use     `json:"far"`
	Had     int64   `json:"had_bytes,omitempty"` // there before the run
}

// use is what the processes of one side took.
type use struct {
	CPU    float64 `json:"cpu_seconds"`
	Peak   int64   `json:"peak_bytes,omitempty"` // of the largest, 0 if unknown
	Hidden bool    `json:"peak_is_bound,omitempty"`
}

// add ends a process, if there is one, and adds what it took.
func (u *use) add(p *process) {
	if p == nil {
		return
	}
	p.stop()
	<-p.ended
	state := p.cmd.ProcessState
	u.CPU += (state.UserTime() + state.SystemTime()).Seconds()
	if peak := peakOf(state); peak > u.Peak {
		u.Peak, u.Hidden = peak, peak <= p.floor
	}
}

// overall is the median of the processor time and the highest peak.
func overall(samples []sample, side func(sample) use) (all use) {
	for _, s := range samples {
		if u := side(s); u.Peak > all.Peak {
			all = u
		}
	}
	all.CPU = medianOf(samples, func(s sample) float64 { return side(s).CPU })
	return all
}

// compute fills in what follows from the rounds.
func (r *result) compute() {
	rounds := make(map[string][]sample)
	for _, t := range r.Tools {
		if t.Error == "" {
			rounds[t.Tool] = t.Rounds
		}
	}
	for _, name := range []string{ferryPairName, ferryCopyName} { // the last that ran
		if rounds[name] != nil {
			r.Reference = name
		}
	}
	for _, t := range r.Tools {
		if t.Error != "" {
			continue
		}
		t.Seconds = medianOf(t.Rounds, func(s sample) float64 { return s.Seconds })
		t.Near = overall(t.Rounds, func(s sample) use { return s.Near })
		t.Far = overall(t.Rounds, func(s sample) use { return s.Far })
		t.Had = int64(medianOf(t.Rounds, func(s sample) float64 { return float64(s.Had) }))
		if base := rounds[r.Reference]; base != nil {
			t.Ratio = ratio(base, t.Rounds)
		}
	}
}

// verdict is an error if a run failed, or if nothing ran.
func (r *report) verdict() error {
	for _, res := range r.Results {
		if slices.ContainsFunc(res.Tools, func(t *toolResult) bool { return t.Error != "" }) {
			return errFailed
		}
	}
	if len(r.Results) == 0 {
		return errors.New("nothing could be measured")
	}
	return nil
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// ratio is the median over the rounds of a's time divided by b's.
func ratio(a, b []sample) float64 {
	var quotients []float64
	for i := range min(len(a), len(b)) {
		quotients = append(quotients, a[i].Seconds/b[i].Seconds)
	}
	return median(quotients)
}

func medianOf(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return median(values)
}

// median of at least one value; of an even number the mean of the middle two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// A table keeps the first error for Flush.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 3, ' ', 0) }

// print prints the table of one workload.
func (r *result) print(w io.Writer) error {
	table := newTable(w)
	rounds := 0
	for _, t := range r.Tools {
		rounds = max(rounds, len(t.Rounds))
	}
	fmt.Fprintf(table, "%s, over %s, rounds: %d\n", r.Title, r.Link, rounds)
	takes := "-"
	if r.Reference != "" {
		takes = r.Reference + " takes"
	}
	fmt.Fprintf(table, "  tool\tmedian\tmin\tmax\trate\t%s\tCPU near\tfar\tpeak memory near\tfar\tbytes before\n", takes)
	for _, t := range r.Tools {
		if t.Error != "" {
			line, _, _ := strings.Cut(t.Error, "\n")
			fmt.Fprintf(table, "  %s\tfailed: %s\n", t.Tool, line)
			continue
		}
		bySeconds := func(a, b sample) int { return cmp.Compare(a.Seconds, b.Seconds) }
		least, most := slices.MinFunc(t.Rounds, bySeconds).Seconds, slices.MaxFunc(t.Rounds, bySeconds).Seconds
		rate, takes, had := "-", "-", "-"
		if t.Had > 0 {
			had = fmt.Sprintf("%d %%", t.Had*100/r.Bytes)
		} else { // else not all bytes were delivered, and a rate means nothing
			rate = byteSize(float64(r.Bytes)/t.Seconds).String() + "/s"
		}
		if t.Ratio != 0 {
			takes = fmt.Sprintf("%.2f of it", t.Ratio)
		}
		fmt.Fprintf(table, "  %s\t%.2f s\t%.2f s\t%.2f s\t%s\t%s\t%.2f s\t%.2f s\t%s\t%s\t%s\n", t.Tool, t.Seconds, least, most,
			rate, takes, t.Near.CPU, t.Far.CPU, t.Near.peak(), t.Far.peak(), had)
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// peak shows a peak. One that this program's own may hide is a bound only.
func (u use) peak() string {
	switch {
	case u.Peak == 0:
		return "-"
	case u.Hidden:
		return fmt.Sprintf("under %d MiB", u.Peak>>20+1)
	}
	return fmt.Sprintf("%d MiB", u.Peak>>20)
}
