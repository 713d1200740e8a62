package main

import (
	"io/fs"
	"os"
	"os/exec"
)

func peakOf(*os.ProcessState) int64 { return 0 }

func ownPeak() int64 { return 0 }

func group(*exec.Cmd) {}

func end(p *os.Process, _ bool) error { return p.Kill() }

func settle() {}

func arrived(info fs.FileInfo) int64 { return info.Size() }
