package object

// room gets n bytes of memory for a piece. It waits as long as something under way will give
// room: parts on their way, and files that wait to be published. If nothing will, all of it is
// parts that are not whole, and one of them is put aside.
func (f *files) room(n int64) error {
	for {
		ok, err := f.budget.take(f.s.ctx, n)
		if ok || err != nil {
			return err
		}
		if !f.spill() {
			// Small files wait that nobody has begun to publish, or all parts are in use this
			// moment: this is one more.
			f.budget.force(n)
			return nil
		}
	}
}
