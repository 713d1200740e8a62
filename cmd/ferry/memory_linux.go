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

// limitMemory has the collector of garbage keep to what the process may have, as its
// cgroups say: it would only run when twice as much is in use as after the last time,
// and the kernel kills before. GOMEMLIMIT may say less. root is the root of the file
// system.
func limitMemory(root fs.FS) {
	if may := mayUse(allowedMemory(root)); may < debug.SetMemoryLimit(-1) {
		debug.SetMemoryLimit(may)
	}
}

// mayUse is what of the memory that a cgroup has is for the heap and stacks. The
// program itself, the kernel's tables for its files and folders, and pages that
// are yet to be written count against it too.
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

// cgroupMount is where a hierarchy of cgroups is seen that may limit memory.
type cgroupMount struct {
	at     string   // without the first slash
	group  string   // this process's, as seen below it
	limits []string // names of files
}

// cgroupMounts finds them: the one of version 2, and that of version 1 for memory.
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
