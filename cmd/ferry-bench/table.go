package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 3, ' ', 0) }

// print prints the table of one workload.
func (r *result) print(w io.Writer) error {
	table := newTable(w)
	rounds := 0
	for _, t := range r.Tools {
		rounds = max(rounds, len(t.samples))
	}
	// The table keeps the first error for Flush.
	fmt.Fprintf(table, "%s, over %s, rounds: %d\n", r.Title, r.Link, rounds)
	takes := "-"
	if r.Reference != "" {
		takes = r.Reference + " takes"
	}
	fmt.Fprintf(table, "  tool\tmedian\tmin\tmax\trate\t%s\tCPU near\tfar\tpeak memory near\tfar\tbytes before\n", takes)
	for _, t := range r.Tools {
		if t.Error != "" {
			fmt.Fprintf(table, "  %s\tfailed: %s\n", t.Tool, firstLine(t.Error))
			continue
		}
		least, most := t.Rounds[0].Seconds, t.Rounds[0].Seconds
		for _, round := range t.Rounds {
			least, most = min(least, round.Seconds), max(most, round.Seconds)
		}
		fmt.Fprintf(table, "  %s\t%.2f s\t%.2f s\t%.2f s\t%s\t%s\t%.2f s\t%.2f s\t%s\t%s\t%s\n", t.Tool, t.Seconds, least, most,
			r.rate(t), ratioText(t.Ratio), t.Near.CPU, t.Far.CPU, peakText(t.Near), peakText(t.Far), hadText(t.Had, r.Bytes))
	}
	fmt.Fprintln(table)
	return table.Flush()
}

func (r *result) rate(t *toolResult) string {
	if !r.rated {
		return "-"
	}
	rate := byteSize(float64(r.Bytes) / t.Seconds)
	return rate.String() + "/s"
}

func ratioText(ratio float64) string {
	if ratio == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f of it", ratio)
}

// peakText shows a peak. One that this program's own may hide is a bound only.
func peakText(u sideUse) string {
	switch {
	case u.Peak == 0:
		return "-"
	case u.Hidden:
		return fmt.Sprintf("under %d MiB", u.Peak>>20+1)
	}
	return fmt.Sprintf("%d MiB", u.Peak>>20)
}

func hadText(had, all int64) string {
	if had == 0 || all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d %%", had*100/all)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// printLimits prints what bounds every tool on this machine.
func (r *report) printLimits(w io.Writer) error {
	table := newTable(w)
	fmt.Fprintf(table, "limits of this machine, each measured alone\n")
	for _, l := range r.Limits {
		rate := byteSize(l.Rate)
		fmt.Fprintf(table, "  %s\t%s/s\n", l.Name, rate.String())
	}
	fmt.Fprintln(table)
	return table.Flush()
}
