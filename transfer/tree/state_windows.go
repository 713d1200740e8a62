package tree

// readXattrs does nothing: there are no attributes of this kind.
func (s *State) readXattrs(*Dir, string) {}

// Outcome foresees what ToFile, ToFolder and ToName make of an item that is
// there already and as now says; whole, that it then has all that a tells. Of the
// mode a file is writable by its owner or not, and times are of 100 ns.
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
