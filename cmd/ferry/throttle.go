package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
)

const (
	// throttleTick is how often the file of --bwlimit is looked at.
	throttleTick = time.Second
	// maxRateText is the longest content of that file, in bytes.
	maxRateText = 64
)

// throttleFlags say how much of the line a delivery uses.
func throttleFlags() []cli.Flag {
	return in(aboutSpeed,
		optionOf(&cli.StringFlag{Name: "compress", Usage: "`HOW`: compress: auto, never or zstd", Value: "auto"}).
			oneOf("auto", "never", "zstd").
			more("auto compresses what then arrives sooner, zstd all that shrinks. never at either side forbids it."),
		everyday(&cli.StringFlag{Name: "bwlimit", Usage: "move at most `RATE` bytes a second, as 500K or 2M"}).
			more("It counts all connections together. @FILE takes the rate from a file, again when its content changes; 0 there is no limit."),
	)
}

// throttle holds the values of those flags.
type throttle struct {
	compress transfer.Compression
	limit    *transfer.Limit // nil without --bwlimit
	file     string          // that holds the rate; "" if it cannot change
	text     string          // the last content of file
}

func throttleOf(c *cli.Context) (*throttle, error) {
	t := &throttle{}
	switch s := c.String("compress"); s {
	case "auto":
	case "never":
		t.compress = transfer.CompressNever
	case "zstd":
		t.compress = transfer.CompressAlways
	default:
		return nil, usagef(c.Command.Name, "--compress is auto, never or zstd, and not %q", s)
	}
	if !c.IsSet("bwlimit") {
		return t, nil
	}
	t.text = c.String("bwlimit")
	var err error
	if name, isFile := strings.CutPrefix(t.text, "@"); isFile {
		if t.file, t.text, err = name, "", checkRateFile(name); err == nil {
			t.text, err = readRate(name)
		}
	}
	var rate int64
	if err == nil {
		rate, err = parseRate(t.text)
	}
	if err == nil {
		t.limit, err = transfer.NewLimit(rate)
	}
	if err != nil {
		return nil, usagef(c.Command.Name, "--bwlimit: %v", err)
	}
	return t, nil
}

// parseRate reads a rate in bytes a second.
func parseRate(text string) (int64, error) {
	rate, err := parseSize(text)
	if err == nil && rate > 0 && rate < transfer.MinRate {
		err = fmt.Errorf("%d bytes a second is too little: %d at least, or 0 for no limit", rate, transfer.MinRate)
	}
	return rate, err
}

// checkRateFile refuses a pipe or a device, whose reader could block.
func checkRateFile(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	return err
}

// readRate returns the content of the file without the space around it.
func readRate(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only
	b, err := io.ReadAll(io.LimitReader(f, maxRateText+1))
	if err == nil && len(b) > maxRateText {
		err = fmt.Errorf("%s has more than %d bytes", name, maxRateText)
	}
	return strings.TrimSpace(string(b)), err
}

// follow shows the limit, and starts a goroutine that watches the file for changes and
// shows each. stop ends that goroutine and waits for it. A file that cannot be read, or
// holds no rate, does not change the limit.
func (t *throttle) follow(ctx context.Context, r renderer) (stop func()) {
	if t.limit == nil {
		return func() {}
	}
	r.limited(t.limit.Rate(), nil)
	if t.file == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(throttleTick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				t.look(r)
			}
		}
	})
	return func() {
		cancel()
		looking.Wait()
	}
}

// look sets the limit if the content of the file has changed. While the file is being
// written it may be empty or missing, which is ignored.
func (t *throttle) look(r renderer) {
	text := ""
	err := checkRateFile(t.file)
	if err == nil {
		text, err = readRate(t.file)
	}
	if errors.Is(err, os.ErrNotExist) || err == nil && (text == "" || text == t.text) {
		return
	}
	if err != nil {
		text = err.Error() // remembered, so that it is shown once
		if text == t.text {
			return
		}
	}
	t.text = text
	if err == nil {
		var rate int64
		if rate, err = parseRate(text); err == nil {
			err = t.limit.Set(rate)
		}
	}
	r.limited(t.limit.Rate(), err)
}

// limitText says for people what the limit is; err is why it could not be changed.
func limitText(rate int64, err error) string {
	text := "no limit of the rate"
	if rate > 0 {
		text = fmt.Sprintf("at most %s/s (%d bytes)", sizeText(rate), rate)
	}
	if err != nil {
		text = fmt.Sprintf("still %s: %v", text, err)
	}
	return text
}
