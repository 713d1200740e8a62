package dest

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// Names in the state folder: "<path hash>-<version hash>.part" and ".tree", and
// "<random>.tmp"; "<random>.aside" is of aside.go. Hashes are BLAKE3 cut to the lengths below, in hexadecimal
// digits: 128 bits of the path, since two paths must not meet, 64 of the version.
const (
	pathHashLen    = 32
	versionHashLen = 16

	partSuffix = ".part"
	treeSuffix = ".tree"
	tempSuffix = ".tmp"
)

// pathHash and versionHash make the key: the same path, size and mtime find
// the same partial, whoever sends it for that owner.
func pathHash(owner, path string) string {
	if owner != "" {
		path = owner + "\x00" + path // no path has a zero byte
	}
	d := checksum.Sum([]byte("ferry partial\x00" + path))
	return hex.EncodeToString(d[:pathHashLen/2])
}

func versionHash(e *tree.Entry) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(e.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(e.MTime.Sec))
	b = binary.BigEndian.AppendUint32(b, e.MTime.Nsec)
	d := checksum.Sum(b)
	return hex.EncodeToString(d[:versionHashLen/2])
}

// parseName splits the name of a file of ours into what comes before the suffix
// and the suffix; ok is false for any other name.
func parseName(name string) (key, suffix string, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return "", "", false
	}
	key, suffix = name[:dot], name[dot:]
	switch suffix {
	case tempSuffix:
		ok = isHex(key, pathHashLen)
	case partSuffix, treeSuffix:
		path, version, found := strings.Cut(key, "-")
		ok = found && isHex(path, pathHashLen) && isHex(version, versionHashLen)
	}
	return key, suffix, ok
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
