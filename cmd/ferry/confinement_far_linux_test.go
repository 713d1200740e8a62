package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// The far end of a copy by ssh is confined as receive is: from inside, nothing is written
// outside of DEST. With --find off no port is to be had either.
func TestFarEndIsConfined(t *testing.T) {
	cells(t, func(c *cell) {
		src, home, beside := c.source(), c.folder("home"), c.folder("beside")
		c.file("beside/there", "there")
		// In the place of ssh: it runs the far end at once.
		way := c.file("way", "HOME="+home+" XDG_RUNTIME_DIR= exec "+c.at(insideName)+" remote\n")
		dst := filepath.Join(home, "in")
		refused := []string{"make=" + home + "/new", "make=" + beside + "/new", "makefolder=" + beside + "/new", "write=" + beside + "/there", "truncate=" + beside + "/there",
			"remove=" + beside + "/there", "read=" + beside + "/there", "list=" + beside, "make=/tmp/new", "read=/etc/passwd", "run=/bin/true"}
		for _, find := range []string{"auto", "off"} {
			tries := refused
			if find == "off" {
				tries = append(tries[:len(tries):len(tries)], "listen=127.0.0.1:0")
			}
			said := c.start(true, "", append([]string{"make=" + dst + "/" + find}, tries...), "ferry", "copy", "--find", find, "--ssh", "sh "+way, src, "host:in/").end(c.t)
			for _, try := range tries {
				if !strings.Contains(said, "inside: "+try+": refused") {
					c.t.Errorf("--find %s: not refused: %s", find, try)
				}
			}
			if !strings.Contains(said, "inside: make="+dst+"/"+find+": done") {
				c.t.Errorf("--find %s: nothing can be made in DEST", find)
			}
			if c.t.Failed() {
				c.t.Log(said)
			}
		}
		c.same(dst)
	})
}
