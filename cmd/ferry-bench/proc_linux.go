package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// listening tells whether somebody listens at a TCP port in the network of
// process pid. It reads the table of sockets, since some servers serve the first
// connection only, and since this program is not in an emulated network.
func listening(pid int, _, port string) (bool, error) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false, err
	}
	local, listens := fmt.Sprintf(":%04X", number), "0A" // TCP_LISTEN
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if errors.Is(err, fs.ErrNotExist) {
			continue // no such process any more, or no IPv6
		}
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], local) && f[3] == listens {
				return true, nil
			}
		}
	}
	return false, nil
}

// hasChildren tells whether process pid has children that it has not waited for.
func hasChildren(pid int) bool {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	return err == nil && len(list) > 0
}
