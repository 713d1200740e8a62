package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	// One signal ends the tool that runs and then takes everything down; a
	// second one ends this program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	code := 2
	if err == nil {
		code, err = 1, measure(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		if ctx.Err() != nil {
			code, err = 130, fmt.Errorf("interrupted: %w", err)
		}
		fmt.Fprintln(os.Stderr, "ferry-bench:", err)
		os.Exit(code)
	}
}

// options are the command line.
type options struct {
	size      byteSize // of the large file
	files     int      // number of small files
	rounds    int
	dir       string // where the work folder is made
	tools     []tool
	only      bool // the tools were named, so that each has to be there
	workloads []workload
	links     []link
	json      string // file for the results, "" for none
	svg       string // file for a chart of them, "" for none
}

// maxSize bounds the large file: beyond it the figures say nothing new.
const maxSize = 1 << 40 // bytes

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 2 << 30}
	var toolList, workloadList, linkList string
	f := flag.NewFlagSet("ferry-bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Var(&o.size, "size", "`size` of the large file, in bytes or with K, M, G (1024)")
	f.IntVar(&o.files, "files", 20000, "`number` of small files")
	f.IntVar(&o.rounds, "rounds", 3, "`number` of rounds, in each of which every tool runs once")
	f.StringVar(&o.dir, "dir", defaultDir(), "`folder` for the data; twice the size of the data is needed there")
	f.StringVar(&toolList, "only", "", "`names` of the tools to run, separated by commas (default "+names(tools())+")")
	f.StringVar(&workloadList, "workload", "", "`names` of what to measure, separated by commas (default "+names(workloads())+")")
	f.StringVar(&linkList, "link", "loopback", "`links` to measure over, separated by commas: loopback, or RTT:RATE:LOSS as 80ms:200mbit:0.1% (root); all is "+allLinks)
	f.StringVar(&o.json, "json", "", "write all figures to this `file` too")
	f.StringVar(&o.svg, "svg", "", "draw the medians into this `file` too")
	err := f.Parse(args)
	switch {
	case err != nil:
		return o, err
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.rounds < 1 || o.size < 1 || o.files < 1:
		return o, errors.New("there is nothing to measure")
	}
	if o.links, err = parseLinks(linkList); err != nil {
		return o, err
	}
	if o.workloads, err = choose(workloads(), "-workload", workloadList); err != nil {
		return o, err
	}
	if o.tools, err = choose(tools(), "-only", toolList); err != nil {
		return o, err
	}
	o.only = toolList != ""
	return o, nil
}

// choose returns what is named in list, or all if it is empty. The flag is for
// the error.
func choose[T fmt.Stringer](all []T, flag, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	wanted, there := strings.Split(list, ","), names(all)
	for _, w := range wanted {
		if !slices.Contains(strings.Split(there, ","), w) {
			return nil, fmt.Errorf("%s %q: there are %s", flag, w, there)
		}
	}
	return slices.DeleteFunc(all, func(x T) bool { return !slices.Contains(wanted, x.String()) }), nil
}

func names[T fmt.Stringer](all []T) string {
	var list []string
	for _, x := range all {
		list = append(list, x.String())
	}
	return strings.Join(list, ",")
}

// defaultDir is on memory where the system has such a place, so that the tools
// are measured and not the disk.
func defaultDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

// byteSize is a number of bytes, also as a flag.
type byteSize int64

func (b *byteSize) Set(s string) error {
	number, shift := s, 0
	if s != "" {
		if i := strings.IndexByte("KMG", s[len(s)-1]); i >= 0 {
			number, shift = s[:len(s)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > maxSize>>shift {
		return fmt.Errorf("a size is a number with K, M, G or nothing, up to %d bytes", int64(maxSize))
	}
	*b = byteSize(n << shift)
	return nil
}

func (b byteSize) String() string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	n := float64(b)
	for len(units) > 1 && n >= 1024 {
		n, units = n/1024, units[1:]
	}
	return strconv.FormatFloat(n, 'g', 4, 64) + " " + units[0]
}
