package memory

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// PowerCut leaves what was synced, and of the rest some: each name as it was at
// one moment since, each piece of unsynced content or not. Folders that are open are to be
// killed before.
func (d *Disk) PowerCut(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut(d.root, rng)
	for _, key := range sortedKeys(d.parts) {
		p := d.parts[key]
		p.holder = nil
		if p.node.synced || rng.IntN(4) > 0 {
			p.cut(rng)
		} else {
			delete(d.parts, key)
		}
	}
	d.recount()
}

// recount counts the names that lead to each node.
func (d *Disk) recount() {
	d.root.each(func(n *node) { n.names = 0 })
	d.root.each(func(n *node) { n.names++ })
}

// each calls do for what each name below n leads to.
func (n *node) each(do func(*node)) {
	for _, c := range n.entries {
		do(c)
		c.each(do)
	}
}

func (d *Disk) cut(n *node, rng *rand.Rand) {
	if n.kind != tree.Folder {
		if n.kind == tree.File && (!n.synced || n.lying) {
			n.data = torn(rng, n.data)
		}
		if rng.IntN(2) == 0 {
			n.mode, n.mtime = n.stable.mode, n.stable.mtime
		}
		n.synced, n.lying = true, false
		n.stable.mode, n.stable.mtime = n.mode, n.mtime
		return
	}
	for _, name := range sortedKeys(n.past) {
		could := append(slices.Clone(n.past[name]), n.entries[name])
		if left := could[rng.IntN(len(could))]; left != nil {
			n.entries[name] = left
		} else {
			delete(n.entries, name)
		}
	}
	if rng.IntN(2) == 0 {
		n.mode, n.mtime = n.stable.mode, n.stable.mtime
	}
	n.sync()
	for _, name := range sortedKeys(n.entries) {
		d.cut(n.entries[name], rng)
	}
}

// cut leaves content and claims that got lost apart from each other.
func (p *part) cut(rng *rand.Rand) {
	if !p.node.synced || p.node.lying {
		p.node.data = torn(rng, p.node.data)
	}
	p.node.synced, p.node.lying = true, false
	for i := range checksum.Chunks(int64(len(p.node.data))) {
		if rng.IntN(4) == 0 {
			delete(p.claims, i)
		}
	}
}

// torn is content of which only some pages reached the disk.
func torn(rng *rand.Rand, b []byte) []byte {
	const page = 64 << 10
	b = bytes.Clone(b)
	for at := 0; at < len(b); at += page {
		if rng.IntN(2) == 0 {
			clear(b[at:min(at+page, len(b))])
		}
	}
	return b
}
