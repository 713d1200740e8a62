package main

import (
	"runtime"
	"testing"
)

func TestLooksRemote(t *testing.T) {
	for path, want := range map[string]bool{
		"host:": true, "host:path": true, "user@host:/srv": true, "s3://bucket/prefix": true, "ferry://host/path": true,
		":path": true, "[::1]:/srv": true, "file:///srv": true, "10:30.log": true, "host::module/path": true,
		"": false, "plain": false, "user@host": false, "./host:path": false, "/host:path": false, "dir/a:b": false, "../a:b": false,
		"C:": runtime.GOOS != "windows", "c:/srv": runtime.GOOS != "windows", "C:dir": runtime.GOOS != "windows", "1:/srv": true,
		`C:\srv`: runtime.GOOS != "windows", `.\a:b`: runtime.GOOS != "windows",
	} {
		if got := looksRemote(path); got != want {
			t.Errorf("looksRemote(%q) = %v", path, got)
		}
	}
}
