package send

import (
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/mirror"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// errList: a list of paths says nothing of what is beside them.
var errList = errors.New("of a list of paths, what the source has beside them is not known")

// answers tells the receiver what the sources have. Their folders are opened before the
// delivery, and stay open: a source that is taken away meanwhile must not look like an
// empty one.
type answers struct {
	dirs *tree.Dirs
	*mirror.Answerer
}

// newAnswers looks at the sources, if the receiver may ask; nil if not. One that cannot be
// opened most likely fails in the delivery too.
func newAnswers(s *sender, caps uint64) *answers {
	o := s.opt
	if caps&framing.CapMirror == 0 || o.Text != "" {
		return nil
	}
	a := &answers{dirs: tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8))}
	rules := &mirror.Rules{Select: o.Select, Follow: o.Follow, Devices: o.Metadata.Devices, DryRun: o.DryRun}
	var unsure *transfer.Error
	if o.Select.List != nil {
		unsure = &transfer.Error{Code: framing.CodeUnsupported, Err: errList}
	}
	sources := make([]storage.PruneSource, 0, len(o.Sources))
	for _, src := range o.Sources {
		p := storage.PruneSource{Path: src.Path, Name: src.Name}
		if src.Reader == nil {
			var err error
			if p, err = mirror.Open(a.dirs, src.Source, rules); err != nil && unsure == nil {
				unsure = failure.Source("looking for", src.Path, err)
			}
		}
		sources = append(sources, p)
	}
	a.Answerer = mirror.NewAnswerer(s.out, sources, unsure, s.track.Worked)
	return a
}

// ask takes a question.
func (a *answers) ask(m framing.Ask) error {
	if a == nil {
		return failure.Violation("ASK, which was not agreed on")
	}
	return a.Ask(m)
}

// close lets go of the sources. No goroutine of the delivery is left.
func (a *answers) close() {
	if a != nil {
		_ = a.dirs.Close() // only read handles: nothing is lost if one does not close
	}
}
