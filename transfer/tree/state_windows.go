package tree

// readXattrs does nothing: there are no attributes of this kind.
func (s *State) readXattrs(*Dir, string) {}

// Outcome foresees what ToFile, ToFolder and ToName make of an existing item that is as
// now says. Whole reports that the item then has all that a tells. A file keeps of its
// mode whether its owner may write to it, and times are in steps of 100 ns.
func (a *Apply) Outcome(now *State) (then State, whole bool) {
	then = *now
	then.MTime = a.MTime
	then.MTime.Nsec -= a.MTime.Nsec % 100
	if now.Kind == File {
		then.Mode = 0o444
		if a.Mode&0o200 != 0 {
			then.Mode = 0o666
		}
	}
	return then, len(a.lost()) == 0
}
