package main

import (
	"io"

	"github.com/urfave/cli/v2"
)

// load reads the files of rules and of --files-from, for a far end that has the sources:
// it cannot read files here.
func (a *selectionArgs) load(c *cli.Context, env *Env) (err error) {
	for i, r := range a.rules {
		if r.flag != excludeFromFlag {
			continue
		}
		if a.rules[i].text, err = readFile(c.Context, r.value, readBounded); err != nil {
			return usagef(c.Command.Name, "%v", err)
		}
	}
	if c.IsSet("files-from") {
		if a.listed, err = readInput(c.Context, env, c.String("files-from"), readBounded); err != nil {
			return usagef(c.Command.Name, "--files-from: %v", err)
		}
	}
	return nil
}

// readBounded reads all of a file as far as an order can hold it. It returns no nil slice.
func readBounded(f io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxOrder))
	if b == nil {
		b = []byte{}
	}
	return b, err
}

// into puts what was loaded into an order.
func (a *selectionArgs) into(o *order) {
	o.List = a.listed
	for _, r := range a.rules {
		o.Rules = append(o.Rules, orderRule{r.flag, []byte(r.value), r.text})
	}
}

// selectionOf is what an order says of it.
func selectionOf(o *order) (rules []ruleArg, list []byte) {
	for _, r := range o.Rules {
		text := r.Text
		if r.Flag == excludeFromFlag && text == nil {
			text = []byte{} // no file of this machine is read
		}
		rules = append(rules, ruleArg{r.Flag, string(r.Value), text})
	}
	return rules, o.List
}
