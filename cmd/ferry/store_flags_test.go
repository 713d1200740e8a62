package main

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/send"
)

// Whoever adds a flag to send, receive or copy decides whether it goes with a store.
func TestEachFlagHasAStoreRule(t *testing.T) {
	used := make(map[string]bool)
	for _, cmd := range newApp(&Env{}).Commands {
		if !slices.Contains([]string{"send", "receive", "copy"}, cmd.Name) {
			continue
		}
		for _, f := range cmd.Flags {
			name := f.Names()[0]
			used[name] = true
			if _, known := storeRules[name]; !known {
				t.Errorf("ferry %s --%s: does it go with s3://? Say so in storeRules of store_flags.go", cmd.Name, name)
			}
		}
	}
	for name, rule := range storeRules {
		if !used[name] {
			t.Errorf("storeRules has --%s, which is no flag", name)
		}
		for _, why := range []string{rule.to, rule.from} {
			if strings.HasSuffix(why, ".") || strings.Contains(why, "\n") {
				t.Errorf("the reason of --%s is read in a sentence: %q", name, why)
			}
		}
	}
}

// A place in a store that is typed where none can be is told, and opened nowhere.
func TestMisplacedStores(t *testing.T) {
	for line, want := range map[string]string{
		"receive s3://b/p":                                 "a place in a store goes with",
		"receive --from s3://b -y":                         "--from s3://b: a place in a store goes with",
		"receive -y --out s3://":                           "the bucket's name is missing",
		"receive -y --out s3://b/../c":                     "name of a bucket",
		"receive -y --out s3://bucket/a/../c":              "no part of a prefix",
		"receive -y --out s3://bucket/.ferry-partial":      "state of an unfinished delivery",
		"copy . s3://bucket/p/.FERRY-partial-7/q":          "state of an unfinished delivery",
		"copy s3://bucket/.ferry-partial/q .":              "state of an unfinished delivery",
		"receive -y --out s3://bucket --manifest s3://b/m": "--manifest s3://b/m: a place",
		"receive -y --out s3://bucket --no-sync":           "--no-sync does not go to s3://: a store has nothing to sync",
		"receive -y --out s3://bucket --backup":            "--backup does not go to s3://",
		"receive -y --out s3://bucket --backup-dir old":    "--backup-dir does not go to s3://",
		"receive -y --out s3://bucket --names escape":      "--names does not go to s3://",
		"receive -y --s3-endpoint http://127.0.0.1:1":      "--s3-endpoint goes with a place in a store",
		"receive -y --out s4://bucket":                     "this version does not know s4://",
		"send --to s3://bucket f":                          "--to s3://bucket: a place",
		"send s3://b":                                      "3 to 63 letters",
		"send --follow s3://bucket":                        "--follow does not go with what is in s3://: a store has no symbolic links",
		"send --remove-source s3://bucket":                 "ferry removes nothing from a store that it reads",
		"copy --allow-changed s3://bucket .":               "an object is read in one version",
		"copy --one-file-system s3://bucket .":             "a store has no file systems",
		"copy s3://bucket/p host:p":                        "s3://bucket/p is in a store, and host is reached by ssh",
		"copy host:p s3://bucket/p":                        "let that host copy: ssh host ferry copy",
		"copy host:p s3://bucket/p q":                      "s3://bucket/p is in a store, and host is reached by ssh",
		"copy --ssh x . s3://bucket/p":                     "--ssh goes with a side HOST:PATH, and none is",
		"copy --find off . s3://bucket/p":                  "--find goes with a side HOST:PATH, and none is",
		"copy --s3-endpoint http://h . there":              "--s3-endpoint goes with a place in a store",
		"copy --backup . s3://bucket/p":                    "--backup does not go to s3://",
		"checksum s3://bucket/p":                           "s3://bucket/p: a place in a store goes with",
		"verify -C s3://bucket/p sums":                     "--dir s3://bucket/p: a place",
		"selftest --dir s3://bucket/p":                     "--dir s3://bucket/p: a place",
		"relay s3://bucket/p":                              "s3://bucket/p: a place in a store goes with",
	} {
		if runtime.GOOS == "windows" && strings.Contains(line, "--one-file-system") {
			want = "--one-file-system is not known on Windows"
		}
		code, _, said := runFerry(t, "", strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(said, want) {
			t.Errorf("ferry %s: exit code %d, want %q in\n%s", line, code, want, said)
		}
	}
}

// What differs in a store is not blamed on the memory or disk of this machine, and what is
// there of an interrupted delivery is not said to be more than it is.
func TestTallyOfStore(t *testing.T) {
	var count tally
	count.Observe(transfer.Progress{Bytes: 50, Total: 100, Exact: true})
	if got, want := count.kept(inStore), "at 50 %, whole files and the parts of large ones that are there are kept in the store"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got, want := count.kept(" here"), "at 50 %, 50 B are kept here"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	blamed := func(err error) bool {
		d := delivery{env: &Env{Args: []string{"ferry", "copy"}}}
		d.tally.Observe(transfer.ItemFailed{Path: "x", Err: &transfer.Error{Code: framing.CodeDigest, Err: err}})
		o := outcome{exit: exitDigest}
		d.advise(&o, transfer.ErrIncomplete)
		return strings.Contains(o.hint, "the store") && !strings.Contains(o.hint, "memory")
	}
	if !blamed(send.ErrSpoiled) || blamed(errors.New("another")) {
		t.Error("the wrong one is blamed for a digest")
	}
}
