package object

import (
	"context"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// deleteBatch is how many keys are deleted with one request.
const deleteBatch = 1000

// folder removes what f has and none of its twins has, and goes on in the folders that f and
// one of them have. At is its path below the place of the source; reserved are names that
// others see to.
func (r *pruneRun) folder(f *folder, twins []twin, at string, reserved map[string]bool) error {
	var extra []tree.Found
	for found, err := range f.Names() {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if err != nil {
			r.failed(r.at(at), err)
			return nil
		}
		if tree.CheckComponent(found.Name) != nil || reserved[found.Name] {
			continue
		}
		t, kind, err := r.find(twins, found.Name)
		switch {
		case err != nil:
			r.failed(r.at(join(at, found.Name)), err)
		case t == nil:
			extra = append(extra, found)
		case kind == tree.Folder && found.Folder != nil:
			if err := r.descend(found, t, join(at, found.Name)); err != nil {
				return err
			}
		}
	}
	if len(extra) == 0 {
		return nil
	}
	if at == "" {
		if err := r.refuseEmpty(twins); err != nil {
			return err
		}
	}
	for _, found := range extra {
		if _, err := r.remove(found, f.prefix, twins, join(at, found.Name)); err != nil {
			return err
		}
	}
	return nil
}

// find returns the twin that has name, and what it is there.
func (r *pruneRun) find(twins []twin, name string) (*twin, tree.Kind, error) {
	for i := range twins {
		if kind, err := twins[i].Find(name); err != nil || kind != 0 {
			return &twins[i], kind, err
		}
	}
	return nil, 0, nil
}

// descend goes into a folder that both have.
func (r *pruneRun) descend(found tree.Found, t *twin, at string) error {
	kept, err := r.kept([]twin{*t}, at, true)
	if kept {
		return nil
	}
	next := twin{SourceFolder: t.Child(found.Name)}
	var look storage.FolderLook
	if err == nil {
		look, err = next.Look()
	}
	switch {
	case err == nil && strings.Count(at, "/") > tree.MaxDepth:
		err = tree.ErrTooDeep
	case err == nil && look.Foreign:
		return nil
	}
	if err != nil {
		r.failed(r.at(at), err)
		return nil
	}
	return r.folder(found.Folder.(*folder), []twin{next}, at, nil)
}

// remove removes an item, with what is in it, and reports whether it is gone. In is the prefix
// of its folder.
func (r *pruneRun) remove(found tree.Found, in string, twins []twin, at string) (gone bool, err error) {
	if r.ctx.Err() != nil {
		return false, context.Cause(r.ctx)
	}
	isFolder := found.Folder != nil
	if tree.CheckComponent(found.Name) != nil || found.Err != nil && found.Item == nil {
		return false, nil // ferry's own, or no item
	}
	kept, err := r.kept(twins, at, isFolder)
	if err != nil {
		r.failed(r.at(at), err)
		return false, nil
	}
	if kept {
		return false, nil
	}
	g := going{path: r.at(at), info: found.Info}
	if isFolder {
		// A folder that is listed without a look at what is in it may have a key too.
		g.key = in + found.Name + "/"
		empty := true
		for child, err := range found.Folder.All() {
			if err != nil {
				r.failed(g.path, err)
				return false, nil
			}
			gone, err := r.remove(child, in+found.Name+"/", twins, join(at, child.Name))
			if err != nil {
				return false, err
			}
			empty = empty && gone
		}
		if !empty {
			if r.mode != pruneCount {
				r.Left(g.path)
			}
			return false, nil
		}
	} else {
		g.key = in + found.Name
	}
	if err := r.take(); err != nil {
		return false, err
	}
	switch r.mode {
	case pruneRehearse:
		r.Removed(g.path, g.info)
	case pruneRemove:
		if r.going = append(r.going, g); len(r.going) >= deleteBatch {
			return true, r.flush()
		}
	}
	return true, nil
}

// flush deletes what is going, and tells of it. A folder of which something stays is told as
// left.
func (r *pruneRun) flush() error {
	if len(r.going) == 0 {
		return nil
	}
	keys := make([]string, len(r.going))
	for i, g := range r.going {
		keys[i] = g.key
	}
	failed := r.s.b.Delete(r.ctx, keys)
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	for _, g := range r.going {
		switch err := failed[g.key]; {
		case err != nil:
			r.failed(g.path, err)
			r.stays = append(r.stays, g.path)
		case g.info.Kind == tree.Folder && r.holds(g.path):
			r.Left(g.path)
		default:
			r.Removed(g.path, g.info)
		}
	}
	r.going = r.going[:0]
	return nil
}

// holds reports whether something in a folder could not be deleted.
func (r *pruneRun) holds(folder string) bool {
	for _, path := range r.stays {
		if strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// at is the path of an item relative to the destination.
func (r *pruneRun) at(path string) string {
	if path = strings.TrimSuffix(r.prefix+path, "/"); path != "" {
		return path
	}
	return "."
}

func join(rel, name string) string {
	if rel == "" {
		return name
	}
	return rel + "/" + name
}
