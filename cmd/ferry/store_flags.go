package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer/store"
)

// endpointFlag says where a store is, if it is not AWS.
const endpointFlag = "s3-endpoint"

func storeFlags() []cli.Flag {
	return in(aboutConnection,
		optionOf(&cli.StringFlag{Name: endpointFlag, Usage: "the store of s3:// is at `URL`", DefaultText: "AWS"}).
			more("URL is https://HOST or http://HOST:PORT. Without it AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL says it, or the profile. See ferry help s3."),
	)
}

// storeRule is why a flag cannot go with a store: as the place where items land, and as the
// place that they come from. Empty: it goes.
type storeRule struct{ to, from string }

// noBackups is the reason of more than one flag.
const noBackups = "ferry keeps no backups in a store; a bucket with versioning does"

// storeRules decides for each flag of send, receive and copy whether it goes with a store. A
// flag that asks for metadata goes: what an object cannot have is told as lost, item by item.
// TestEachFlagHasAStoreRule has the flags that are missing here.
var storeRules = map[string]storeRule{
	// Of the place where items land.
	"out": {}, "on-conflict": {}, "links": {}, "update": {}, "chmod": {}, "verify-disk": {},
	"delete": {}, "delete-all": {}, "max-delete": {}, "max-items": {}, "max-bytes": {},
	"no-sync":    {to: "a store has nothing to sync: what it acknowledged is stored"},
	"backup":     {to: noBackups},
	"backup-dir": {to: noBackups},
	"suffix":     {to: noBackups},
	namesFlag:    {to: "a key holds every name in UTF-8 as it is, and no other"},

	// Of what is sent.
	"dry-run": {}, "checksum": {}, excludeFlag: {}, includeFlag: {}, excludeFromFlag: {}, "ferryignore": {},
	"files-from": {}, "from0": {}, "max-size": {}, "min-size": {}, "name": {}, textFlag: {},
	"follow":          {from: "a store has no symbolic links"},
	"allow-changed":   {from: "an object is read in one version, or not at all"},
	"remove-source":   {from: "ferry removes nothing from a store that it reads"},
	"one-file-system": {from: "a store has no file systems"},

	// Of metadata.
	"archive": {}, "owner": {}, "xattrs": {}, "hard-links": {}, "devices": {}, "strict": {}, "xattrs-all": {}, "perms": {}, "numeric-ids": {},

	// Of the link, which a store changes nothing of. A copy has one only by ssh.
	"to": {}, "from": {}, "relay": {}, "relay-token": {}, "listen": {}, "wait": {}, "code-file": {}, "weak-code": {}, "host-key": {},
	"receivers": {}, "until": {}, "find": {}, "proxy": {}, "timeout": {}, "retry-for": {}, "streams": {},
	sshFlag: {}, commandFlag: {}, pushFlag: {}, // which localOnly refuses

	// Of speed and output, and of who is asked.
	"compress": {}, "bwlimit": {}, "manifest": {}, "json": {}, "progress": {}, "quiet": {}, "verbose": {}, "yes": {}, "answers": {},
	endpointFlag: {},
}

// checkStoreFlags refuses flags that cannot go with a store, to which or from which items go,
// and the flag about stores where none is named.
func checkStoreFlags(c *cli.Context, to, from bool) error {
	verb := c.Command.Name
	if !to && !from && c.IsSet(endpointFlag) {
		return usagef(verb, "--%s goes with a place in a store, s3://BUCKET/PREFIX", endpointFlag)
	}
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		rule := storeRules[name]
		switch {
		case !c.IsSet(name):
		case to && rule.to != "":
			return usagef(verb, "--%s does not go to s3://: %s", name, rule.to)
		case from && rule.from != "":
			return usagef(verb, "--%s does not go with what is in s3://: %s", name, rule.from)
		}
	}
	return nil
}

// storeless are commands whose arguments are names on this machine, or addresses.
var storeless = []string{"receive", "checksum", "verify", "selftest", "relay"}

// misplacedStore refuses a place in a store where a name on this machine, or an address, is
// meant: ferry would look for it here, or make it.
func misplacedStore(c *cli.Context) error {
	refuse := func(what, place string) error {
		return usagef(c.Command.Name, "%s%s: a place in a store goes with send, with copy, and with --out of receive", what, place)
	}
	for _, f := range c.Command.Flags {
		o := optionOf(f)
		name := o.Names()[0]
		place := o.files || slices.Contains([]string{"to", "from", "listen", "relay"}, name)
		if _, text := o.DocGenerationFlag.(*cli.StringFlag); !text || !place || name == "out" || name == "root" {
			continue
		}
		if value := c.String(name); store.Is(value) {
			return refuse("--"+name+" ", value)
		}
	}
	if !slices.Contains(storeless, c.Command.Name) {
		return nil
	}
	if i := slices.IndexFunc(c.Args().Slice(), store.Is); i >= 0 {
		return refuse("", c.Args().Get(i))
	}
	return nil
}
