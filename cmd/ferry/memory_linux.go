package main

import (
	"bufio"
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory sets the soft memory limit of the Go runtime from the limits of the
// cgroups of this process. Without it the garbage collector would wait until memory in
// use has doubled, and the kernel may kill the process before. A lower GOMEMLIMIT holds.
// root is the root of the file system.
func limitMemory(root fs.FS) {
	if may := mayUse(allowedMemory(root)); may < debug.SetMemoryLimit(-1) {
		debug.SetMemoryLimit(may)
	}
}

// mayUse is the part of a cgroup's memory that heap and stacks may take. The program
// itself, the kernel's tables for its files, and pages not yet written count against
// the limit too.
func mayUse(allowed int64) int64 {
	if allowed == math.MaxInt64 {
		return allowed
	}
	return allowed / 100 * 55
}

// allowedMemory is the smallest limit of the cgroups that this process is in, in
// bytes; math.MaxInt64 if there is none, or none can be read.
func allowedMemory(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	for _, m := range cgroupMounts(root) {
		for at := m.group; ; at = path.Dir(at) {
			for _, name := range m.limits {
				least = min(least, limitIn(root, path.Join(m.at, at, name)))
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

// cgroupMount is a mounted hierarchy of cgroups that may limit memory.
type cgroupMount struct {
	at     string   // without the first slash
	group  string   // the path of this process's cgroup below it
	limits []string // names of files
}

// cgroupMounts finds the hierarchy of version 2 and that of version 1 for memory.
func cgroupMounts(root fs.FS) (mounts []cgroupMount) {
	groups := make(map[string]string) // by controller, "" being version 2
	eachLine(root, "proc/self/cgroup", func(line string) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			for controller := range strings.SplitSeq(f[1], ",") {
				groups[controller] = f[2]
			}
		}
	})
	eachLine(root, "proc/self/mountinfo", func(line string) {
		before, after, _ := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if len(f) < 5 || len(kind) < 3 {
			return
		}
		controller, limits := "", []string{"memory.max", "memory.high"}
		switch {
		case kind[0] == "cgroup2":
		case kind[0] == "cgroup" && strings.Contains(","+kind[2]+",", ",memory,"):
			controller, limits = "memory", []string{"memory.limit_in_bytes"}
		default:
			return
		}
		group, known := groups[controller]
		if !known {
			return
		}
		// A container sees its own group as the root of what is mounted.
		below, inside := strings.CutPrefix(group, strings.TrimSuffix(f[3], "/"))
		if !inside || strings.Contains(below, "..") {
			below = ""
		}
		mounts = append(mounts, cgroupMount{strings.TrimPrefix(f[4], "/"), path.Join("/", below), limits})
	})
	return mounts
}

// limitIn reads a file with a limit in bytes, or "max".
func limitIn(root fs.FS, name string) int64 {
	limit := int64(math.MaxInt64)
	eachLine(root, name, func(line string) {
		if n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil && n > 0 {
			limit = n
		}
	})
	return limit
}

// eachLine reads a file of the kernel's; one that cannot be read has no lines.
func eachLine(root fs.FS, name string, do func(line string)) {
	f, err := root.Open(name)
	if err != nil {
		return
	}
	defer f.Close() // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		do(lines.Text())
	}
}
