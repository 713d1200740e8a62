package main

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	var stderr bytes.Buffer
	o, err := parse([]string{
		"-size", "3M", "-files", "7", "-rounds", "2", "-only", "scp", "-dir", "d", "-json", "j",
		"-workload", "resume,large", "-link", "loopback,80ms:200mbit:0.1%",
	}, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	if o.size != 3<<20 || o.files != 7 || o.rounds != 2 || !o.only || len(o.tools) != 1 || o.tools[0].name != "scp" || o.dir != "d" || o.json != "j" {
		t.Errorf("%+v", o)
	}
	if len(o.workloads) != 2 || o.workloads[0].name != "large" || o.workloads[1].name != "resume" {
		t.Errorf("workloads %+v", o.workloads)
	}
	if want := []link{{}, {80 * time.Millisecond, 200_000_000, 0.001}}; !slices.Equal(o.links, want) {
		t.Errorf("links %v, want %v", o.links, want)
	}
	if o, err := parse(nil, &stderr); err != nil || names(o.workloads) != "large,small,again,resume,shifted" || names(o.tools) != names(tools()) {
		t.Errorf("nothing chosen: %v, %v", o, err)
	}
	for _, args := range [][]string{
		{"-size", "1X"}, {"-size", "-1"}, {"-size", ""}, {"-size", "9999999G"}, {"-size", "0"}, {"-files", "0"},
		{"-rounds", "0"}, {"-files", "-1"}, {"more"}, {"-nonsense"},
		{"-workload", "nothing"}, {"-only", "ferry-copy,telnet"}, {"-link", "fast"},
	} {
		if _, err := parse(args, &stderr); err == nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	if o, err := parse([]string{"-only", "rsync-ssh,ferry-copy"}, &stderr); err != nil || names(o.tools) != "ferry-copy,rsync-ssh" {
		t.Errorf("chosen: %v, %v", names(o.tools), err)
	}
}

func TestLinks(t *testing.T) {
	if links, err := parseLinks("all"); err != nil || len(links) != 4 || links[0] != (link{}) {
		t.Errorf("all: %v, %v", links, err)
	}
	for _, bad := range []string{
		"", "1ms", "1ms:", "x:1mbit", "-1ms:1mbit", "11s:1mbit", "1ms:1", "1ms:0mbit", "1ms:-1mbit", "1ms:NaNmbit", "1ms:11gbit",
		"1ms:1mbit:1", "1ms:1mbit:-1%", "1ms:1mbit:51%", "1ms:1mbit:NaN%", "1ms:1mbit:1%:2", "loopback,",
	} {
		if links, err := parseLinks(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, links)
		}
	}
}
