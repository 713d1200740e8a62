package tree

import (
	"context"
	"os"
	"path/filepath"
)

// openStream opens something that is no file and that the user named.
func openStream(_ context.Context, d *Dir, name string, _ bool) (f *os.File, info Info, err error) {
	err = d.at("open", name, func(h handle) error {
		f, err = os.Open(filepath.Join(h.Name(), name))
		return err
	})
	if err != nil {
		return nil, Info{}, err
	}
	return f, Info{Kind: KindOther, Allocated: -1}, nil
}
