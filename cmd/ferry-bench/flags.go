package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

var errUsage = errors.New("usage")

// options are the command line.
type options struct {
	size      byteSize // of the large file, and the most of the tree
	files     int      // number of small files, and the most of the tree
	tree      string   // folder that the mixed tree is copied from, "" for that of Go
	rounds    int
	dir       string // where the work folder is made
	only      string // names of tools, separated by commas; "" for all
	workloads []workload
	links     []link
	json      string // file for the results, "" for none
	limitData int    // bytes that each limit is measured on; no flag
}

// maxFiles and maxSize bound the data: beyond them the figures say nothing new.
const (
	maxFiles = 10_000_000
	maxSize  = 1 << 40 // bytes
)

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 2 << 30, limitData: limitData}
	var workloadList, linkList string
	f := flag.NewFlagSet("ferry-bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Var(&o.size, "size", "`size` of the large file and the most of the tree, in bytes or with K, M, G (1024)")
	f.IntVar(&o.files, "files", 20000, "`number` of small files, and the most of the tree")
	f.StringVar(&o.tree, "tree", "", "`folder` to copy the mixed tree from (default the distribution of Go)")
	f.IntVar(&o.rounds, "rounds", 3, "`number` of rounds, in each of which every tool runs once")
	f.StringVar(&o.dir, "dir", defaultDir(), "`folder` for the data; twice the size of the data is needed there")
	f.StringVar(&o.only, "only", "", "`names` of the tools to run, separated by commas (default "+strings.Join(names(tools()), ",")+")")
	f.StringVar(&workloadList, "workload", "", "`names` of what to measure, separated by commas (default "+strings.Join(workloadNames(), ",")+")")
	f.StringVar(&linkList, "link", "loopback", "`links` to measure over, separated by commas: loopback, or RTT:RATE:LOSS as 80ms:200mbit:0.1% (root); all is "+allLinks)
	f.StringVar(&o.json, "json", "", "write all figures to this `file` too")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	case o.rounds < 1 || o.size < 0 || o.files < 0 || o.files > maxFiles:
		return o, fmt.Errorf("%w: there is nothing to measure, or more than %d files", errUsage, maxFiles)
	}
	var err error
	if o.links, err = parseLinks(linkList); err != nil {
		return o, fmt.Errorf("%w: -link: %w", errUsage, err)
	}
	if o.workloads, err = chooseWorkloads(workloadList); err != nil {
		return o, err
	}
	if o.size == 0 || o.files == 0 {
		o.workloads = withData(o.workloads, o.size > 0, o.files > 0)
	}
	if len(o.workloads) == 0 {
		return o, fmt.Errorf("%w: there is nothing to measure", errUsage)
	}
	return o, nil
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

func (b *byteSize) String() string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	n := float64(*b)
	for len(units) > 1 && n >= 1024 {
		n, units = n/1024, units[1:]
	}
	return strconv.FormatFloat(n, 'g', 4, 64) + " " + units[0]
}
