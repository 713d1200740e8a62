package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tool is something that copies folders. Its methods are called one at a time.
type tool interface {
	// name is how -only and the tables call it.
	name() string
	// prepare makes ready what all runs share: builds, keys. state is a folder of
	// its own. An error means that the tool cannot be had here.
	prepare(ctx context.Context, state string) error
	// run makes one delivery: it starts the far side with t.daemon or t.receiver,
	// if there is one, and then calls t.send. errUnsuited, wrapped, means that the
	// tool has no way to do this.
	run(t *trial) error
}

// errUnsuited says why a tool is left out of some runs.
var errUnsuited = errors.New("not for this tool")

var errLocalOnly = fmt.Errorf("%w: it copies on one machine only", errUnsuited)

// tools are all that can be measured, in the order of the tables.
func tools() []tool {
	shell := new(sshServer)
	return []tool{
		&ferryCopy{}, &ferryPair{},
		&rsyncDaemon{}, &rsyncSSH{ssh: shell}, &scp{ssh: shell}, &rclone{ssh: shell},
		&croc{}, &netcat{}, &tarNetcat{}, &localCopy{},
	}
}

// referenceOf is the tool whose time is divided by that of the others: ferry in
// the form that comes first among those that ran, "" for none.
func referenceOf(names []string) string {
	for _, name := range []string{ferryCopyName, ferryPairName} {
		if slices.Contains(names, name) {
			return name
		}
	}
	return ""
}

func names(list []tool) []string {
	var all []string
	for _, t := range list {
		all = append(all, t.name())
	}
	return all
}

// choose returns the tools named in only, or all if it is empty.
func choose(list []tool, only string) ([]tool, error) {
	if only == "" {
		return list, nil
	}
	wanted := strings.Split(only, ",")
	for _, w := range wanted {
		if !slices.Contains(names(list), w) {
			return nil, fmt.Errorf("%w: -only %q: there are %s", errUsage, w, strings.Join(names(list), ", "))
		}
	}
	return slices.DeleteFunc(list, func(t tool) bool { return !slices.Contains(wanted, t.name()) }), nil
}
