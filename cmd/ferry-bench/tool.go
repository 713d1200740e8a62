package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// tool is something that copies folders. Its methods are called one at a time.
type tool interface {
	// name is how -only and the table call it.
	name() string
	// start makes ready what every run needs: builds, keys, servers. state is a
	// folder of its own. An error means that the tool cannot be had here.
	start(ctx context.Context, state string) error
	// run copies the folder src to dst, an empty folder, as dst/base(src). It
	// returns the peak memory in bytes of the largest process that it waited
	// for, 0 where the system does not say.
	run(ctx context.Context, src, dst string) (peak int64, err error)
	// stop ends what start left running. It may be called after a failed start.
	stop() error
}

// reference is the tool whose time is divided by that of the others.
const reference = "ferry-copy"

// tools are all that can be measured, in the order of the table.
func tools() []tool {
	return []tool{&ferryCopy{}, &ferryPair{}, &rsyncDaemon{}, &rsyncSSH{}}
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
