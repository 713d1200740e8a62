package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// network is where the two sides of a run are: both in this machine's own
// network, or at the two ends of an emulated link.
type network struct {
	title     string
	near, far []string // what comes before a command line, to run it on that side
	address   string   // of the far side, where servers listen
	origin    string   // address that connections from the near side come from
	link      link
	close     func() error
}

// local tells whether the sides share a network, so that tools which know no
// other side can be compared.
func (n *network) local() bool { return n.link == link{} }

func loopback() *network {
	return &network{title: "loopback", address: "127.0.0.1", origin: "127.0.0.1", close: func() error { return nil }}
}

// command is a command line on one side, which ends when ctx does.
func command(ctx context.Context, side []string, name string, args ...string) *exec.Cmd {
	line := append(append([]string{}, side...), append([]string{name}, args...)...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	group(cmd)
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	// What does not end when told to is killed.
	cmd.WaitDelay = serverLimit
	return cmd
}

// freePort is a TCP port where nobody listened a moment ago. In an emulated
// network, where nobody listens at all, it is as good as any.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// link is an emulated link, the same in both directions. The zero value is none.
type link struct {
	rtt  time.Duration
	rate int64   // bits a second
	loss float64 // of packets, 0 to 1
}

const (
	maxRTT  = 10 * time.Second
	minRate = 64_000         // bits a second
	maxRate = 10_000_000_000 // beyond what packets through a program can reach
	maxLoss = 0.5
)

// allLinks are what `-link all` stands for: none, a campus, a home line, and a
// lossy path across an ocean.
const allLinks = "loopback,2ms:1gbit,30ms:100mbit,80ms:200mbit:0.1%"

// parseLinks reads a list as of -link. A zero link stands for loopback.
func parseLinks(list string) ([]link, error) {
	if list == "all" {
		list = allLinks
	}
	var links []link
	for _, s := range strings.Split(list, ",") {
		if s == "loopback" {
			links = append(links, link{})
			continue
		}
		l, err := parseLink(s)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

func parseLink(s string) (l link, err error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return l, fmt.Errorf("link %q is not loopback, nor RTT:RATE or RTT:RATE:LOSS as in 80ms:200mbit:0.1%%", s)
	}
	if l.rtt, err = time.ParseDuration(parts[0]); err != nil || l.rtt < 0 || l.rtt > maxRTT {
		return l, fmt.Errorf("round-trip time %q is no duration up to %v", parts[0], maxRTT)
	}
	if l.rate, err = parseRate(parts[1]); err != nil {
		return l, err
	}
	if len(parts) == 3 {
		number, ok := strings.CutSuffix(parts[2], "%")
		percent, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || !(percent >= 0 && percent <= 100*maxLoss) {
			return l, fmt.Errorf("loss %q is no percentage up to %v%%", parts[2], 100*maxLoss)
		}
		l.loss = percent / 100
	}
	return l, nil
}

func parseRate(s string) (int64, error) {
	for unit, factor := range map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			v, err := strconv.ParseFloat(number, 64)
			if err == nil && v*factor >= minRate && v*factor <= maxRate {
				return int64(v * factor), nil
			}
		}
	}
	return 0, fmt.Errorf("rate %q is no number with kbit, mbit or gbit, from 64kbit to 10gbit", s)
}

func (l link) String() string {
	if l == (link{}) {
		return "loopback"
	}
	return fmt.Sprintf("%v round trip, %g Mbit/s, %g %% loss", l.rtt, float64(l.rate)/1e6, 100*l.loss)
}
