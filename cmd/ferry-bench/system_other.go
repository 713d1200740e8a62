//go:build !linux

package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
)

// peakOf is not known here.
func peakOf(*os.ProcessState) int64 { return 0 }

func ownPeak() int64 { return 0 }

func group(*exec.Cmd) {}

func end(p *os.Process, _ bool) error { return p.Kill() }

func settle(string) {}

func arrived(info fs.FileInfo) int64 { return info.Size() }

// listening tells whether somebody accepts connections at host and port.
func listening(_ int, host, port string) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), serverPoll)
	return err == nil && conn.Close() == nil
}

// hasChildren is not known here.
func hasChildren(int) bool { return false }

func emulate(context.Context, link) (*network, error) {
	return nil, errors.New("links are emulated on Linux only")
}

// processor is the name of the processor, "" where it is not known.
func processor() string { return "" }
