package object

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// thisProcess tells what this process is known by: the kernel that runs, since when, the
// processes that are seen and the user; then its number and when it started. Host is empty if
// the system does not tell.
func thisProcess() (host string, process int, start string) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0, ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", 0, ""
	}
	process = os.Getpid()
	if start, _, err = startOf(process); err != nil {
		return "", 0, ""
	}
	return fmt.Sprintf("%s %s %d", strings.TrimSpace(string(boot)), space, os.Getuid()), process, start
}

// processEnded reports that no process has that number, or one that was killed and is not
// waited for yet, or another one that started later.
func processEnded(process int, start string) bool {
	now, dead, err := startOf(process)
	return errors.Is(err, fs.ErrNotExist) || err == nil && (dead || now != start)
}

// startOf is when a process started, in ticks since the kernel did (proc(5), field 22), and
// whether it has ended.
func startOf(process int) (start string, dead bool, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return "", false, err
	}
	// The second field is the name in parentheses, which may have anything in it.
	_, rest, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", false, errors.New("the system tells no start of the process")
	}
	return fields[19], fields[0] == "Z" || fields[0] == "X", nil
}
