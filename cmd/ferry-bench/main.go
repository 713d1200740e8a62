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
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "ferry-bench: interrupted:", err)
		os.Exit(130)
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "ferry-bench:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "ferry-bench:", err)
		os.Exit(1)
	}
}

// run is the program: it measures and prints tables of the results to stdout,
// and what happens meanwhile to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return measure(ctx, o, stdout, stderr)
}

var errUsage = errors.New("usage")

// options are the command line.
type options struct {
	size      byteSize // of the large file, and the most of the tree
	files     int      // number of small files, and the most of the tree
	tree      string   // folder that the mixed tree is copied from, "" for that of Go
	rounds    int
	dir       string // where the work folder is made
	tools     []tool
	only      bool // the tools were named, so that each has to be there
	workloads []workload
	links     []link
	json      string // file for the results, "" for none
}

// maxFiles and maxSize bound the data: beyond them the figures say nothing new.
const (
	maxFiles = 10_000_000
	maxSize  = 1 << 40 // bytes
)

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 2 << 30}
	var toolList, workloadList, linkList string
	f := flag.NewFlagSet("ferry-bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Var(&o.size, "size", "`size` of the large file and the most of the tree, in bytes or with K, M, G (1024)")
	f.IntVar(&o.files, "files", 20000, "`number` of small files, and the most of the tree")
	f.StringVar(&o.tree, "tree", "", "`folder` to copy the mixed tree from (default the distribution of Go)")
	f.IntVar(&o.rounds, "rounds", 3, "`number` of rounds, in each of which every tool runs once")
	f.StringVar(&o.dir, "dir", defaultDir(), "`folder` for the data; twice the size of the data is needed there")
	f.StringVar(&toolList, "only", "", "`names` of the tools to run, separated by commas (default "+names(tools(), toolName)+")")
	f.StringVar(&workloadList, "workload", "", "`names` of what to measure, separated by commas (default "+names(workloads(), workloadName)+")")
	f.StringVar(&linkList, "link", "loopback", "`links` to measure over, separated by commas: loopback, or RTT:RATE:LOSS as 80ms:200mbit:0.1% (root); all is "+allLinks)
	f.StringVar(&o.json, "json", "", "write all figures to this `file` too")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	case o.rounds < 1 || o.size < 0 || o.files < 0 || o.files > maxFiles:
		return o, fmt.Errorf("%w: there is nothing to measure, or more than %d files", errUsage, maxFiles)
	}
	if o.links, err = parseLinks(linkList); err != nil {
		return o, fmt.Errorf("%w: -link: %w", errUsage, err)
	}
	if o.workloads, err = choose(workloads(), workloadName, "-workload", workloadList); err != nil {
		return o, err
	}
	if o.tools, err = choose(tools(), toolName, "-only", toolList); err != nil {
		return o, err
	}
	o.only = toolList != ""
	// A -size or -files of 0 leaves out what takes its data from it.
	o.workloads = slices.DeleteFunc(o.workloads, func(w workload) bool {
		return o.size == 0 && w.data != smallData || o.files == 0 && w.data != largeData
	})
	if len(o.workloads) == 0 {
		return o, fmt.Errorf("%w: there is nothing to measure", errUsage)
	}
	return o, nil
}

// choose returns what is named in list, or all if it is empty. The flag is for
// the error.
func choose[T any](all []T, name func(T) string, flag, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	wanted, there := strings.Split(list, ","), strings.Split(names(all, name), ",")
	for _, w := range wanted {
		if !slices.Contains(there, w) {
			return nil, fmt.Errorf("%w: %s %q: there are %s", errUsage, flag, w, strings.Join(there, ", "))
		}
	}
	return slices.DeleteFunc(all, func(x T) bool { return !slices.Contains(wanted, name(x)) }), nil
}

func names[T any](all []T, name func(T) string) string {
	var list []string
	for _, x := range all {
		list = append(list, name(x))
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
