//go:build faults && linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The errors that file systems answer an operation with which they do not have,
// and those with which they fail.
var (
	lacking = []string{"EPERM", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EACCES"}
	failing = []string{"EROFS", "ENOENT", "ESTALE", "EIO", "ENOSPC", "EDQUOT"}
	large   = []string{"EFBIG"}
)

// refusal is an operation and the errors that it is refused with.
type refusal struct {
	op     string
	costs  cost
	errors []string
}

// cost is what a target without an operation takes from a delivery. It holds for
// the errors that mean this; those that mean a failure may end the delivery.
type cost int

const (
	all   cost = iota
	some       // single items: 1
	extra      // metadata, time or space: 0
)

// refusals are what real ones refuse. What the kernel itself makes of an error is
// not among them: ENOSYS from fsync is success, for open it is for ever.
var refusedOperations = []refusal{
	{"chmod", extra, both(lacking, failing)},
	{"chown", extra, both(lacking, failing)},
	{"utimens", extra, both(lacking, failing)},
	{"linktimes", extra, both(lacking, failing)},
	{"setxattr", extra, both(lacking, failing)},
	{"getxattr", extra, lacking},
	{"listxattr", extra, lacking},
	{"removexattr", extra, lacking},
	{"link", some, append(both(lacking, failing), "EMLINK", "EXDEV")},
	{"fallocate", extra, both(lacking, failing, large)},
	{"lseek", extra, lacking},
	{"copyrange", extra, append(both(lacking, failing), "EXDEV")},
	{"noreplace", extra, []string{"EINVAL", "ENOSYS", "EOPNOTSUPP"}},
	{"exchange", extra, []string{"EINVAL", "ENOSYS", "EOPNOTSUPP"}},
	{"setlk", extra, []string{"ENOSYS", "EOPNOTSUPP", "ENOLCK", "EINVAL"}},
	{"fsyncdir", extra, both(lacking, []string{"EBADF", "EIO", "ENOSPC", "EDQUOT", "EROFS", "ESTALE"})},
	{"fsync", all, []string{"EINVAL", "EOPNOTSUPP", "EIO", "ENOSPC", "EDQUOT", "EROFS", "ESTALE"}},
	{"flush", all, []string{"EIO", "ENOSPC", "EDQUOT"}},
	{"statfs", extra, both(lacking, []string{"EIO", "ESTALE"})},
	{"symlink", some, both(lacking, failing)},
	{"mknod", some, both(lacking, failing)},
	{"mkdir", all, both(lacking, failing)},
	{"create", all, both(lacking, failing)},
	{"rename", all, append(both(lacking, failing), "EXDEV")},
	{"truncate", all, both(lacking, failing, large)},
	{"write", all, both([]string{"EPERM", "EINVAL"}, failing, large)},
	{"read", all, []string{"EIO", "ESTALE"}},
	{"open", all, []string{"EPERM", "EACCES", "EIO", "ESTALE"}},
	{"opendir", all, []string{"EACCES", "EIO"}},
	{"readdir", all, []string{"EACCES", "EIO"}},
	{"readlink", all, both(lacking, []string{"EIO"})},
	{"unlink", all, both([]string{"EPERM", "EACCES"}, []string{"EIO", "EROFS"})},
	{"rmdir", all, both([]string{"EPERM", "EACCES"}, []string{"EIO", "EROFS"})},
}

func both(lists ...[]string) []string { return slices.Concat(lists...) }

// refusals are the rounds in which a file system refuses one operation with one
// error, always or from some call on. One small tree goes there. A campaign has
// more, in which it refuses two.
func refusals(f *family) {
	for _, refused := range refusedOperations {
		for _, errno := range refused.errors {
			f.beside(refused.op+"="+errno, func(r *round) {
				word := refused.op + "=" + errno
				t := r.refusing(word)
				lacks := !slices.Contains(both(failing, large), errno)
				t.whole = refused.costs == extra && lacks
				t.most = refused.costs == some && lacks
				t.keepsFiles = slices.Contains([]string{"unlink", "rmdir", "opendir", "readdir"}, refused.op)
				refuse(r, t, word)
			})
		}
		for _, errno := range []string{"EIO", "ENOSPC"} {
			f.beside(refused.op+"="+errno+"_later", func(r *round) {
				word := fmt.Sprintf("%s=%s@%d", refused.op, errno, 1+r.IntN(8))
				t := r.refusing(word)
				t.fickle = true
				refuse(r, t, word)
			})
		}
	}
	for n := range f.c.rounds - 1 {
		for _, first := range refusedOperations {
			f.beside(fmt.Sprintf("%s_and_another_%d", first.op, n), func(r *round) {
				second := refusedOperations[r.IntN(len(refusedOperations))]
				errno := func(of refusal) string { return of.errors[r.IntN(len(of.errors))] }
				words := []string{first.op + "=" + errno(first), fmt.Sprintf("%s=%s@%d", second.op, errno(second), r.IntN(20))}
				t := r.refusing(words...)
				t.fickle = true
				refuse(r, t, words...)
			})
		}
	}
}

// refuse delivers to a target that refuses these.
func refuse(r *round, t *target, words ...string) {
	from := r.folder("from")
	source := oddTree(r, from, oddity{little: true, plainNames: true, latest: 9_000_000_000})
	sent := survey(r, from)
	row := &tally{r: r}
	// The folders are made, and some of what comes is there in an older version,
	// by somebody for whom nothing is refused.
	to := func(name string, w wish) *landing {
		r.Helper()
		l := &landing{r: r, target: t, source: source, sent: sent, roots: []string{from}, wish: w,
			out: filepath.Join(t.dir, name), see: filepath.Join(t.see, name)}
		must(r, os.MkdirAll(filepath.Join(l.see, "tree", "sizes"), 0o755))
		write(r, filepath.Join(l.see, "tree/sizes/1"), content(r.Rand, 2*mib), 0o644)
		// The one before the last version of it: what they have in common serves again.
		common, err := os.ReadFile(filepath.Join(source, "sizes/1048577"))
		must(r, err)
		write(r, filepath.Join(l.see, "tree/sizes/1048577"), append(common, content(r.Rand, mib)...), 0o644)
		must(r, unix.Symlink("older", filepath.Join(l.see, "tree", "sizes", "0")))
		return l
	}
	row.twice("copy", to("copy", wish{}), "copy")
	row.twice("copy -a", to("archive", wish{archive: true}), "copy", "-a")
	permit := []string{"-a", "--on-conflict", "overwrite"}
	if r.knows("receive", "--xattrs-all") {
		permit = append(permit, "--xattrs-all")
	}
	row.link("send -a", to("linked", wish{archive: true}), permit...)
	op, errno, _ := strings.Cut(words[0], "=")
	row.endIn("refused: "+op, strings.Join(append([]string{errno}, words[1:]...), " "))
}
