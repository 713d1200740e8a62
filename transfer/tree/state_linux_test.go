package tree

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// testACL is an ACL with a mask and some users.
func testACL(perm uint16, users ...uint32) []byte {
	all := []aclEntry{{aclOwner, 6, aclNone}}
	for _, u := range users {
		all = append(all, aclEntry{aclUser, 5, u})
	}
	return formatACL(append(all, aclEntry{0x04, 4, aclNone}, aclEntry{aclMask, perm, aclNone}, aclEntry{0x20, 0, aclNone}))
}

// randomExtra is what a sender may tell of an item of a kind.
func randomExtra(r *rand.Rand, kind Kind) (x Extra) {
	if r.IntN(3) > 0 {
		x.Owner = &Owner{UID: uint32(os.Getuid()) + r.Uint32N(2), GID: uint32(os.Getgid()) + r.Uint32N(2)}
	}
	if kind == File || kind == Folder {
		if r.IntN(2) > 0 {
			x.Xattrs = append(x.Xattrs, Xattr{aclAccess, testACL(5, 10+r.Uint32N(2), 20)})
			x.Names = []ACLName{{false, 10, "ann"}, {false, 20, "bob"}}
		}
		if os.Geteuid() == 0 && r.IntN(3) > 0 {
			x.Xattrs = append(x.Xattrs, Xattr{"trusted.a", []byte("t")})
		}
		if r.IntN(2) > 0 {
			x.Xattrs = append(x.Xattrs, Xattr{"user.a", []byte{byte(r.IntN(2))}})
		}
		if r.IntN(3) > 0 {
			x.Xattrs = append(x.Xattrs, Xattr{"user.b", []byte("b")})
		}
	}
	x.Missing = r.IntN(4) == 0
	return x
}

// What Outcome foresees is what Apply does, and then nothing is left to be done.
func TestOutcomeIsForeseen(t *testing.T) {
	top, d := open(t, 4)
	r := rand.New(rand.NewPCG(1, 2))
	accounts := known(map[string]uint32{"ann": 30, "bob": 15}, nil)
	create(t, d, "probe", "")
	if err := unix.Setxattr(filepath.Join(top, "probe"), aclAccess, testACL(5, 10), 0); err != nil {
		t.Skip("no ACLs here:", err)
	}
	for i := range 400 {
		name, kind := fmt.Sprint(i), []Kind{File, Folder, Symlink, FIFO}[i%4]
		switch path := filepath.Join(top, name); kind {
		case File:
			create(t, d, name, "content")
		case Folder:
			mkdir(t, top, name)
		case Symlink:
			symlink(t, "nowhere", top, name)
		case FIFO:
			check(t, unix.Mkfifo(path, 0o600))
		}
		all := Metadata{Owner: true, Xattrs: true, System: true}
		for range 3 {
			granted := []Metadata{all, all, {}, {Xattrs: true}, {Owner: true}}[r.IntN(5)]
			granted.Umask = []uint32{0, 0o022, 0o077}[r.IntN(3)]
			x := randomExtra(r, kind)
			mode := []uint32{0o650, 0o750, 0o4750, 0o1650}[r.IntN(4)]
			if slices.ContainsFunc(x.Xattrs, func(x Xattr) bool { return x.Name == aclAccess }) {
				mode = mode&0o7000 | 0o650 // as a file with that ACL has it
			}
			a := Apply{Mode: mode, MTime: Time{Sec: 1e9 + int64(r.IntN(2))}, Extra: &x, Granted: granted, Accounts: accounts}
			outcomeIsForeseen(t, d, name, kind, &a)
		}
	}
}

// outcomeIsForeseen applies a to the item name, and compares with what Outcome said.
func outcomeIsForeseen(t *testing.T, d *Dir, name string, kind Kind, a *Apply) {
	t.Helper()
	before, err := StateOf(d, name, a.Granted)
	check(t, err)
	foreseen, whole := a.Outcome(&before)
	var lost []Loss
	if kind == Folder {
		lost, err = a.ToFolder(d.Child(name))
	} else {
		lost, err = a.ToName(d, name, before.Info)
	}
	check(t, err)
	after, err := StateOf(d, name, a.Granted)
	check(t, err)
	// An ACL that stays because not all were told follows the mode, which differs then
	// too.
	x := a.Extra
	right := foreseen.SameMetadata(&after) || x.Missing && !foreseen.SameMetadata(&before) && !after.SameMetadata(&before)
	if !right || whole && len(lost) > 0 {
		t.Fatalf("%v granted %+v, told %+v %+v, was\n%+v, foreseen\n%+v (whole %v), is\n%+v, lost %v", kind, a.Granted, *x, x.Owner, before, foreseen, whole, after, lost)
	}
}

// An ACL names other numbers here, both as it is set and as it is compared.
func TestACLIsSetByName(t *testing.T) {
	top, d := open(t, 4)
	create(t, d, "f", "content")
	value := func(id uint32) []byte {
		return formatACL([]aclEntry{{aclOwner, 6, aclNone}, {aclUser, 7, id}, {0x04, 4, aclNone}, {aclMask, 7, aclNone}, {0x20, 0, aclNone}})
	}
	path := filepath.Join(top, "f")
	if err := unix.Setxattr(path, aclAccess, value(10), 0); err != nil {
		t.Skip("no ACLs here:", err)
	}
	for _, numeric := range []bool{false, true} {
		m := Metadata{Xattrs: true, Numeric: numeric}
		info, err := d.Lstat("f")
		check(t, err)
		x, lost := readExtra(d, "f", info, false, m, known(map[string]uint32{"ann": 10}, nil))
		if named := len(x.Names) == 1 && x.Names[0] == (ACLName{false, 10, "ann"}); named == numeric || len(lost) > 0 {
			t.Errorf("numeric %v: names %v, lost %v", numeric, x.Names, lost)
		}
		x.Names = []ACLName{{false, 10, "ann"}}
		create(t, d, fmt.Sprint(numeric), "content")
		target := filepath.Join(top, fmt.Sprint(numeric))
		f, err := os.Open(target)
		check(t, err)
		lost, err = (&Apply{Mode: 0o674, Extra: x, Granted: m, Accounts: known(map[string]uint32{"ann": 30}, nil)}).ToFile(f)
		check(t, err)
		check(t, f.Close())
		got := make([]byte, 100)
		n, err := unix.Getxattr(target, aclAccess, got)
		want := uint32(30)
		if numeric {
			want = 10
		}
		if err != nil || string(got[:n]) != string(value(want)) || len(lost) > 0 {
			t.Errorf("numeric %v: the ACL is %x, %v; lost %v", numeric, got[:max(n, 0)], err, lost)
		}
	}
}
