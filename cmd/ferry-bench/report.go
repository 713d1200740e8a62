package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"
)

// report is all that was measured, and the object that -json writes. Times are
// in seconds, sizes in bytes.
type report struct {
	Machine machine   `json:"machine"`
	Limits  []limit   `json:"limits"`
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
	return machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GoVersion: runtime.Version(),
		Began: time.Now().UTC().Truncate(time.Second),
	}
}

// leftOut is something that was not measured. What is empty stands for all.
type leftOut struct {
	Tool     string `json:"tool,omitempty"`
	Link     string `json:"link,omitempty"`
	Workload string `json:"workload,omitempty"`
	Reason   string `json:"reason"`
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

	rated bool // all bytes were delivered, so that a rate means something
}

// toolResult is what one tool made of a workload. The figures are medians of the
// rounds but for the peaks, which are the highest.
type toolResult struct {
	Tool    string   `json:"tool"`
	Error   string   `json:"error,omitempty"` // of the run that failed; there are none after it
	Seconds float64  `json:"seconds,omitempty"`
	Ratio   float64  `json:"ratio,omitempty"` // median over the rounds of the reference's time by this one's
	Near    sideUse  `json:"near"`
	Far     sideUse  `json:"far"`
	Had     int64    `json:"had_bytes,omitempty"` // there before the run
	Rounds  []oneRun `json:"rounds"`

	samples []sample
}

// oneRun is a sample as -json writes it.
type oneRun struct {
	Seconds float64 `json:"seconds"`
	Near    sideUse `json:"near"`
	Far     sideUse `json:"far"`
	Had     int64   `json:"had_bytes,omitempty"`
}

// sideUse is a usage as -json writes it.
type sideUse struct {
	CPU    float64 `json:"cpu_seconds"`
	Peak   int64   `json:"peak_bytes,omitempty"`
	Hidden bool    `json:"peak_is_bound,omitempty"`
}

func useOf(u usage) sideUse { return sideUse{u.cpu.Seconds(), u.peak, u.hidden} }

// overall is the median of the processor time and the highest peak.
func overall(samples []sample, side func(sample) usage) sideUse {
	var u usage
	for _, s := range samples {
		if s := side(s); s.peak > u.peak {
			u = s
		}
	}
	use := useOf(u)
	use.CPU = medianOf(samples, func(s sample) float64 { return side(s).cpu.Seconds() })
	return use
}

// compute fills in what follows from the samples.
func (r *result) compute() {
	var ran []string
	for _, t := range r.Tools {
		if t.Error == "" {
			ran = append(ran, t.Tool)
		}
	}
	r.Reference = referenceOf(ran)
	var base []sample
	for _, t := range r.Tools {
		if t.Tool == r.Reference {
			base = t.samples
		}
	}
	for _, t := range r.Tools {
		t.Rounds = []oneRun{}
		for _, s := range t.samples {
			t.Rounds = append(t.Rounds, oneRun{s.elapsed.Seconds(), useOf(s.near), useOf(s.far), s.had})
		}
		if t.Error != "" {
			continue
		}
		t.Seconds = medianOf(t.samples, func(s sample) float64 { return s.elapsed.Seconds() })
		t.Near = overall(t.samples, func(s sample) usage { return s.near })
		t.Far = overall(t.samples, func(s sample) usage { return s.far })
		t.Had = int64(medianOf(t.samples, func(s sample) float64 { return float64(s.had) }))
		if base != nil {
			t.Ratio = ratio(base, t.samples)
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

// leaveOut notes and says what is not measured.
func (r *report) leaveOut(stderr io.Writer, l leftOut) {
	r.LeftOut = append(r.LeftOut, l)
	what := ""
	for _, s := range []string{l.Tool, l.Workload, l.Link} {
		if s != "" {
			what += s + ": "
		}
	}
	fmt.Fprintf(stderr, "left out: %s%s\n", what, l.Reason)
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
	quotients := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		quotients = append(quotients, a[i].elapsed.Seconds()/b[i].elapsed.Seconds())
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
