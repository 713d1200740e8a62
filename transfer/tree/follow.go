package tree

// FollowChild is Child for a folder of the sender, where name may be a link to one.
func (d *Dir) FollowChild(name string) *Dir {
	c := d.Child(name)
	c.follow = true
	return c
}

// FollowStat returns what name is or, if it is a link, what it leads to.
func (d *Dir) FollowStat(name string) (Info, error) { return d.stat(name, true) }
