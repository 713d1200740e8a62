package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
)

// linkedVersion is for packagers, who set it by go build -ldflags '-X main.linkedVersion=v1.2.3'.
var linkedVersion string

// archivedCommit is what git archive says of the commit that it took: its hash, the
// seconds of its time, and the newest tag before it, unless there is none. Elsewhere the
// file has what git archive was to replace.
//
//go:embed commit.txt
var archivedCommit string

// noVersion is said by a ferry that was built neither from an archive nor by a go command
// that looked at the commit.
const noVersion = "(devel, commit unknown)"

func versionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version and the protocol it speaks",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("version", "version takes no arguments")
			}
			_, err := fmt.Fprintf(env.Stdout, "ferry %s, protocol %d, %s %s/%s\n",
				buildVersion(), framing.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// buildVersion is the version of this program.
func buildVersion() string {
	noted := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		noted = info.Main.Version
	}
	return versionFrom(linkedVersion, noted, archivedCommit)
}

// versionFrom is what the linker was told, else what the go command noted of a module or a
// clone, else that of the commit in an archive.
func versionFrom(linked, noted, archived string) string {
	if linked != "" {
		return linked
	}
	if noted != "" && noted != "(devel)" {
		return noted
	}
	if v := commitVersion(archived); v != "" {
		return v
	}
	return noVersion
}

// describedTag splits what git describe says: a tag, what it has behind three numbers, and
// how many commits came after it.
var describedTag = regexp.MustCompile(`^(v[0-9]+\.[0-9]+\.)([0-9]+)(-[0-9A-Za-z.-]+?)??(-[0-9]+-g[0-9a-f]+)?$`)

// commitVersion is the version of an archived commit: its tag, or the pseudo-version that
// the go command gives to that commit. It is empty if the line speaks of no commit.
func commitVersion(archived string) string {
	words := strings.Fields(archived)
	if len(words) < 2 || len(words[0]) < 12 {
		return ""
	}
	sec, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return ""
	}
	mark := time.Unix(sec, 0).UTC().Format("20060102150405") + "-" + words[0][:12]
	var tag []string
	if len(words) == 3 {
		tag = describedTag.FindStringSubmatch(words[2])
	}
	switch {
	case tag == nil:
		return "v0.0.0-" + mark
	case tag[4] == "":
		return words[2]
	case tag[3] != "":
		return tag[1] + tag[2] + tag[3] + ".0." + mark
	}
	patch, err := strconv.ParseUint(tag[2], 10, 32)
	if err != nil {
		return "v0.0.0-" + mark
	}
	return fmt.Sprintf("%s%d-0.%s", tag[1], patch+1, mark)
}
