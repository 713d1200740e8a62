package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report prints the table of one dataset. samples are those of each tool, one a
// round.
func report(w io.Writer, set dataset, tools []string, samples [][]sample) error {
	var base []sample
	if i := slices.Index(tools, reference); i >= 0 {
		base = samples[i]
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	// The table keeps the first error for Flush.
	fmt.Fprintf(table, "%s, %d rounds\n", set.title, len(samples[0]))
	fmt.Fprintf(table, "  tool\tmedian\tmin\tmax\trate\t%s takes\tpeak memory\n", reference)
	for i, name := range tools {
		times := make([]time.Duration, 0, len(samples[i]))
		var peak int64
		for _, s := range samples[i] {
			times = append(times, s.elapsed)
			peak = max(peak, s.peak)
		}
		mid := median(times)
		rate := byteSize(float64(set.bytes) / mid.Seconds())
		fmt.Fprintf(table, "  %s\t%.2f s\t%.2f s\t%.2f s\t%s/s\t%s\t%s\n", name, mid.Seconds(),
			slices.Min(times).Seconds(), slices.Max(times).Seconds(), rate.String(), ratioText(base, samples[i]), peakText(peak, ownPeak()))
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// ratio is the median over the rounds of a's time divided by b's.
func ratio(a, b []sample) float64 {
	quotients := make([]float64, 0, len(a))
	for i := range a {
		quotients = append(quotients, a[i].elapsed.Seconds()/b[i].elapsed.Seconds())
	}
	return median(quotients)
}

func ratioText(base, other []sample) string {
	if base == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f of it", ratio(base, other))
}

// peakText shows a peak. One that this program's own may hide is a bound only.
func peakText(bytes, own int64) string {
	switch {
	case bytes == 0:
		return "-"
	case bytes <= own:
		return fmt.Sprintf("under %d MiB", own>>20+1)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// median of at least one value; of an even number the mean of the middle two.
func median[T time.Duration | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
