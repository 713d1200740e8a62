package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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

var errUsage = errors.New("usage")

// options are the command line.
type options struct {
	size   byteSize // of the large file; 0 leaves it out
	files  int      // number of small files; 0 leaves them out
	rounds int
	dir    string // where the work folder is made
	only   string // names of tools, separated by commas; "" for all
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 2 << 30}
	f := flag.NewFlagSet("ferry-bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Var(&o.size, "size", "`size` of the large file, in bytes or with K, M, G (1024); 0 for none")
	f.IntVar(&o.files, "files", 20000, "`number` of small files; 0 for none")
	f.IntVar(&o.rounds, "rounds", 5, "`number` of rounds, in each of which every tool runs once")
	f.StringVar(&o.dir, "dir", defaultDir(), "`folder` for the data; twice the size of the data is needed there")
	f.StringVar(&o.only, "only", "", "`names` of the tools to run, separated by commas (default "+strings.Join(names(tools()), ",")+")")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	case o.rounds < 1 || o.files < 0 || o.files > maxFiles || o.size == 0 && o.files == 0:
		return o, fmt.Errorf("%w: there is nothing to measure, or more than %d files", errUsage, maxFiles)
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

// maxSize bounds -size: beyond it the figures say nothing new.
const maxSize = 1 << 40

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
