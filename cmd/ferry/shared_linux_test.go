package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const mallory = nobody - 1

// A folder that another user made where anybody may is told before anything is put
// into it, and is not all right for --strict. Root is told of it too, and not of the
// folders that users have in their own.
func TestFoldersOfOthersAreTold(t *testing.T) {
	dir := workshop(t)
	ferry := ferryFor(t, dir)
	check(t, os.MkdirAll(dir+"/src/photos/own", 0o755))
	check(t, os.WriteFile(dir+"/src/photos/p", []byte("secret"), 0o644))
	check(t, os.Chmod(dir+"/src/photos/own", 0o777))
	out := dir + "/out"
	lay := func(owner uint32, mode os.FileMode, inner uint32, innerMode os.FileMode) {
		check(t, os.RemoveAll(out))
		check(t, os.MkdirAll(out+"/photos", 0o755))
		check(t, os.Chown(out, int(owner), int(owner)))
		check(t, os.Chown(out+"/photos", int(inner), int(inner)))
		check(t, os.Chmod(out, mode))
		check(t, os.Chmod(out+"/photos", innerMode))
	}
	for _, c := range []struct {
		name       string
		owner      uint32
		mode       os.FileMode
		inner      uint32
		innerMode  os.FileMode
		uid        uint32
		told, says string
	}{
		{"in /tmp", 0, 0o777 | os.ModeSticky, mallory, 0o777, nobody, "photos", "belongs to user"},
		{"in /tmp, for root", 0, 0o777 | os.ModeSticky, mallory, 0o755, 0, "photos", "belongs to user"},
		{"the destination", mallory, 0o777 | os.ModeSticky, nobody, 0o755, nobody, "the destination", "belongs to user"},
		{"the destination is open", nobody, 0o777, nobody, 0o755, nobody, "the destination", "anybody may"},
		{"an own folder is open", nobody, 0o755, nobody, 0o777, nobody, "photos", "anybody may"},
		{"all of it is open, as where there are no modes", nobody, 0o777, nobody, 0o777, nobody, "the destination", "open to anybody: 1,"},
		{"all of it is another's", mallory, 0o777 | os.ModeSticky, mallory, 0o777, nobody, "the destination", "another user: 1,"},
		{"own", nobody, 0o755, nobody, 0o755, nobody, "", ""},
		{"root's own in /tmp", 0, 0o777 | os.ModeSticky, nobody, 0o755, nobody, "", ""},
		{"a home, for root", mallory, 0o755, mallory, 0o755, 0, "", ""},
		{"homes, for root", 0, 0o755, mallory, 0o755, 0, "", ""},
	} {
		for _, strict := range []bool{false, true} {
			lay(c.owner, c.mode, c.inner, c.innerMode)
			args := []string{"copy", dir + "/src/photos", out}
			want := 0
			if strict {
				args = append(args, "--strict")
				if c.told != "" {
					want = exitIncomplete
				}
			}
			text, exit := asUser(t, c.uid, ferry, args...)
			if strict && c.told == "" && strings.Contains(text, "not applied") {
				want = exitIncomplete // that is told of something else
			}
			warned := fmt.Sprintf("warning: %s: ", c.told)
			if exit != want || strings.Contains(text, "warning: ") != (c.told != "") || c.told != "" && (!strings.Contains(text, warned) || !strings.Contains(text, c.says)) {
				t.Errorf("%s, strict %v: exit %d, want %d:\n%s", c.name, strict, exit, want, text)
			}
			if _, err := os.Stat(out + "/photos/p"); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// What nobody may write to is one failure, whatever was to go there, and the
// destination's.
func TestReadOnlyFolderIsOneFailure(t *testing.T) {
	dir := workshop(t)
	ferry := ferryFor(t, dir)
	check(t, os.MkdirAll(dir+"/src/in/deep", 0o755))
	for i := range 300 {
		check(t, os.WriteFile(fmt.Sprintf("%s/src/in/%d", dir, i), []byte("x"), 0o644))
	}
	check(t, os.Mkdir(dir+"/out", 0o755))
	check(t, os.Mkdir(dir+"/there", 0o755))
	check(t, os.Mkdir(dir+"/there/in", 0o755))
	for _, c := range []struct{ src, dst, says string }{
		{"/src/in", "/out", "and 301 items below it"},
		{"/src/in/", "/out", "and 300 items beside it"},
		{"/src/in", "/there", "and 300 items beside it"},
		{"/src/in/7", "/out", "permission denied"},
	} {
		for range 2 {
			text, exit := asUser(t, nobody, ferry, "copy", dir+c.src, dir+c.dst)
			if exit != exitDestination || !strings.Contains(text, c.says) || strings.Count(text, "\n") > 8 {
				t.Errorf("%s to %s: exit %d:\n%s", c.src, c.dst, exit, text)
			}
		}
		text, _ := asUser(t, nobody, ferry, "copy", "--json", dir+c.src, dir+c.dst)
		if want := 301; strings.Contains(c.says, "items") && strings.Count(text, `"type":"failed"`) < want {
			t.Errorf("%s to %s: JSON has %d failures", c.src, c.dst, strings.Count(text, `"type":"failed"`))
		}
	}
	// Where something is, the code is another one, in each run.
	check(t, os.WriteFile(dir+"/out/7", []byte("x"), 0o644))
	for range 2 {
		tool(t, "cp", "-p", dir+"/src/in/7", dir+"/out/7")
		if text, exit := asUser(t, nobody, ferry, "copy", dir+"/src/in/", dir+"/out"); exit != exitIncomplete {
			t.Errorf("exit %d:\n%s", exit, text)
		}
	}
}
