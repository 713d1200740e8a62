package main

import (
	"math"
	"testing"
	"testing/fstest"
)

// What a process may have is the least of its groups' limits, in both versions of
// cgroups, and as a container sees them.
func TestAllowedMemory(t *testing.T) {
	const (
		v2      = "30 25 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		v1      = "33 25 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n34 25 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		v1inner = "33 25 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
	)
	for _, c := range []struct {
		name, groups, mounts string
		limits               map[string]string
		want                 int64
	}{
		{"none", "", "", nil, math.MaxInt64},
		{"no limit", "0::/a/b\n", v2, map[string]string{"a/b/memory.max": "max\n", "a/memory.high": "max\n"}, math.MaxInt64},
		{"its own", "0::/a/b\n", v2, map[string]string{"a/b/memory.max": "1000\n", "a/memory.max": "2000\n"}, 1000},
		{"one above", "0::/a/b\n", v2, map[string]string{"a/b/memory.max": "3000\n", "a/memory.max": "2000\n"}, 2000},
		{"the softer one", "0::/a/b\n", v2, map[string]string{"a/b/memory.max": "3000\n", "a/b/memory.high": "2500\n"}, 2500},
		{"a namespace's root", "0::/\n", v2, map[string]string{"memory.max": "700\n"}, 700},
		{"outside of the namespace", "0::/../other\n", v2, map[string]string{"memory.max": "700\n"}, 700},
		{"version 1", "4:memory:/x\n2:cpu,cpuacct:/y\n0::/\n", v1, map[string]string{"memory/x/memory.limit_in_bytes": "500\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"}, 500},
		{"version 1 in a container", "4:memory:/docker/abc\n", v1inner, map[string]string{"memory/memory.limit_in_bytes": "600\n"}, 600},
		{"nonsense", "0::/a\nx\n", "x\n" + v2 + "1 2 3 - \n", map[string]string{"a/memory.max": "-3\n"}, math.MaxInt64},
	} {
		root := fstest.MapFS{"proc/self/cgroup": {Data: []byte(c.groups)}, "proc/self/mountinfo": {Data: []byte(c.mounts)}}
		for name, text := range c.limits {
			root["sys/fs/cgroup/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := allowedMemory(root); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := mayUse(100 << 20); got < 50<<20 || got > 60<<20 {
		t.Errorf("of 100 MiB it uses %d", got)
	}
}
