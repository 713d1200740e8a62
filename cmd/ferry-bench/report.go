package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is all that was measured, and the object that -json writes. Times are
// in seconds, sizes in bytes.
type report struct {
	Host    string    `json:"host"` // what ran it
	Results []*result `json:"results"`
	LeftOut []string  `json:"left_out"`
}

// result is one workload over one link.
type result struct {
	Link     string `json:"link"`
	Workload string `json:"workload"`
	Title    string `json:"title"`
	Bytes    int64  `json:"bytes"`
	Files    int    `json:"files"`
	Tools    []*row `json:"tools"`
}

// row is what one tool made of a workload.
type row struct {
	Tool     string   `json:"tool"`
	Error    string   `json:"error,omitempty"` // of the run that failed, which is the last
	Rounds   []sample `json:"rounds"`
	unsuited bool     // it is in no table
}

// sample is one run of one tool.
type sample struct {
	Seconds float64 `json:"seconds"`
	Near    use     `json:"near"` // of the sending side
	Far     use     `json:"far"`
	Had     int64   `json:"had_bytes,omitempty"` // there before the run
	// Carried is what both sides gave to an emulated link, headers of packets included.
	Carried int64 `json:"carried_bytes,omitempty"`
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

// reference is the row whose time the others are held against, the first of ours; nil if
// none ran.
func (r *result) reference() *row {
	i := slices.IndexFunc(r.Tools, func(t *row) bool { return ours(t.Tool) && t.Error == "" })
	if i < 0 {
		return nil
	}
	return r.Tools[i]
}

// print prints the table of one workload: medians of the rounds, but the highest peaks.
func (r *result) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0) // it keeps the first error for Flush
	base, name, rounds := r.reference(), "-", 0
	if base != nil {
		name = base.Tool + " takes"
	}
	for _, t := range r.Tools {
		rounds = max(rounds, len(t.Rounds))
	}
	fmt.Fprintf(table, "%s, over %s, rounds: %d\n", r.Title, r.Link, rounds)
	fmt.Fprintf(table, "  tool\tmedian\tmin\tmax\trate\t%s\tCPU near\tfar\tpeak memory near\tfar\tbytes before\tcarried\n", name)
	for _, t := range r.Tools {
		if t.Error != "" {
			line, _, _ := strings.Cut(t.Error, "\n")
			fmt.Fprintf(table, "  %s\tfailed: %s\n", t.Tool, line)
			continue
		}
		seconds := t.all(func(s sample) float64 { return s.Seconds })
		rate, takes, had, carried := "-", "-", "-", "-"
		if before := median(t.all(func(s sample) float64 { return float64(s.Had) })); before > 0 {
			had = fmt.Sprintf("%.0f %%", before*100/float64(r.Bytes))
		} else { // else not all bytes were delivered, and a rate means nothing
			rate = byteSize(float64(r.Bytes)/median(seconds)).String() + "/s"
		}
		if c := median(t.all(func(s sample) float64 { return float64(s.Carried) })); c > 0 {
			carried = byteSize(c).String()
		}
		if base != nil {
			takes = fmt.Sprintf("%.2f of it", ratio(base.Rounds, t.Rounds))
		}
		near, nearPeak := t.side(func(s sample) use { return s.Near })
		far, farPeak := t.side(func(s sample) use { return s.Far })
		fmt.Fprintf(table, "  %s\t%.2f s\t%.2f s\t%.2f s\t%s\t%s\t%.2f s\t%.2f s\t%s\t%s\t%s\t%s\n", t.Tool,
			median(seconds), slices.Min(seconds), slices.Max(seconds), rate, takes, near, far, nearPeak, farPeak, had, carried)
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// all is one figure of each round.
func (t *row) all(of func(sample) float64) (values []float64) {
	for _, s := range t.Rounds {
		values = append(values, of(s))
	}
	return values
}

// side is the median of the processor time of one side, in seconds, and its highest peak.
func (t *row) side(of func(sample) use) (cpu float64, peak string) {
	highest := slices.MaxFunc(t.Rounds, func(a, b sample) int { return cmp.Compare(of(a).Peak, of(b).Peak) })
	return median(t.all(func(s sample) float64 { return of(s).CPU })), of(highest).peak()
}

// ratio is the median over the rounds of a's time divided by b's.
func ratio(a, b []sample) float64 {
	var quotients []float64
	for i := range min(len(a), len(b)) {
		quotients = append(quotients, a[i].Seconds/b[i].Seconds)
	}
	return median(quotients)
}

// median of at least one value; of an even number the mean of the middle two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// host says what machine this is: its processors and system. Figures of two hosts say
// nothing beside each other.
func host() string {
	name := processor()
	if name == "" {
		name = runtime.GOARCH
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), name, runtime.GOOS)
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}
