package object

// room gets n bytes of memory for a piece. It waits as long as something under way will give
// room: parts on their way, and files that wait to be published.
func (f *files) room(n int64) error {
	ok, err := f.budget.take(f.s.ctx, n)
	if !ok && err == nil {
		f.budget.force(n)
	}
	return err
}
