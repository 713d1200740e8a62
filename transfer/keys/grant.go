package keys

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ferry/transfer/tree"
)

// maxPath bounds the path of a key, in bytes.
const maxPath = 4096

// Grant is what the holder of a key may do.
type Grant struct {
	Comment     string // as written; not safe to show
	Fingerprint string
	Path        string // clean and relative, with slashes; "" is the whole root
	Upload      bool   // with Download, if the line names neither
	Download    bool
	Delete      bool      // has to be named
	Quota       int64     // bytes below Path; 0 is none
	Rate        int64     // bytes a second; 0 is no limit
	MaxLinks    int       // at once; 0 is no limit of its own
	Expires     time.Time // the key is refused from then on; zero is never
	Line        int       // of the file, from 1
}

// set takes one option. value is nil for an option without one.
func (g *Grant) set(name string, value *string) error {
	switch name {
	case "upload", "download", "delete":
		if value != nil {
			return fmt.Errorf("%s has no value", name)
		}
	case "path", "quota", "rate", "max-links", "expires", "expiry-time":
		if value == nil {
			return fmt.Errorf("%s needs a value in quotes, as in %s=\"%s\"", name, name, example(name))
		}
	default:
		return fmt.Errorf("the option %.60q is unknown: there are path, upload, download, delete, quota, rate, max-links and expires", name)
	}
	var err error
	switch name {
	case "upload":
		g.Upload = true
	case "download":
		g.Download = true
	case "delete":
		g.Delete = true
	case "path":
		g.Path, err = cleanPath(*value)
	case "quota":
		g.Quota, err = parseBytes(*value)
	case "rate":
		g.Rate, err = parseBytes(*value)
	case "max-links":
		g.MaxLinks, err = parseCount(*value)
	default:
		g.Expires, err = parseTime(*value)
	}
	if err != nil {
		return fmt.Errorf("%s=%.60q: %w", name, *value, err)
	}
	return nil
}

func example(name string) string {
	switch name {
	case "path":
		return "in/alice"
	case "quota":
		return "50G"
	case "rate":
		return "20M"
	case "max-links":
		return "4"
	}
	return "20271231"
}

// options prints what parseOptions reads.
func (g *Grant) options() string {
	var all []string
	add := func(text string, is bool) {
		if is {
			all = append(all, text)
		}
	}
	add(`path="`+strings.ReplaceAll(g.Path, `"`, `\"`)+`"`, g.Path != "")
	add("upload", g.Upload)
	add("download", g.Download)
	add("delete", g.Delete)
	add(fmt.Sprintf(`quota="%d"`, g.Quota), g.Quota > 0)
	add(fmt.Sprintf(`rate="%d"`, g.Rate), g.Rate > 0)
	add(fmt.Sprintf(`max-links="%d"`, g.MaxLinks), g.MaxLinks > 0)
	add(fmt.Sprintf(`expires="%s"`, g.Expires.UTC().Format("20060102150405Z")), !g.Expires.IsZero())
	return strings.Join(all, ",")
}

// cleanPath checks a path below the root by the rules for names in a delivery.
func cleanPath(text string) (string, error) {
	if strings.HasPrefix(text, "/") {
		return "", errors.New("it is seen from the root of the server, without a slash at its start")
	}
	path := strings.TrimSuffix(text, "/")
	if path == "" || path == "." {
		return "", errors.New("it names no folder: without path, a key has all of the root")
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("it has %d bytes, %d at most", len(path), maxPath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if err := tree.CheckName(part); err != nil {
			return "", fmt.Errorf("its part %.60q: %w", part, err)
		}
	}
	return path, nil
}

// parseBytes reads a number of bytes above 0, with a unit of 1024 and its powers: 500M,
// 20GiB.
func parseBytes(text string) (int64, error) {
	const form = "not a number above 0 with a unit such as 500M, 20G or 2TiB"
	number := strings.TrimRight(text, "BbIiKkMmGgTtPpEe")
	unit, shift := strings.ToUpper(text[len(number):]), 0
	if unit != "" && unit != "B" {
		shift = 10 * (1 + strings.IndexByte("KMGTPE", unit[0]))
		if rest := unit[1:]; shift == 0 || rest != "" && rest != "IB" {
			return 0, errors.New(form)
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), n == 0:
		return 0, errors.New(form)
	case err != nil, n > math.MaxInt64>>shift:
		return 0, errors.New("too large")
	}
	return int64(n) << shift, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("not a number from 1 to %d", math.MaxUint16)
	}
	return int(n), nil
}

// parseTime reads the times of sshd's expiry-time: YYYYMMDD, YYYYMMDDHHMM and
// YYYYMMDDHHMMSS of this machine's zone, or of UTC with a Z behind. A day begins at 00:00,
// and the key has expired then.
func parseTime(text string) (time.Time, error) {
	digits, utc := strings.CutSuffix(text, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	layout, ok := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if !ok || strings.Trim(digits, "0123456789") != "" {
		return time.Time{}, errors.New("not a time such as 20271231 or 202712312359, with a Z behind it for UTC")
	}
	t, err := time.ParseInLocation(layout, digits, zone)
	if year := t.UTC().Year(); err != nil || year < 1970 || year > 9999 {
		return time.Time{}, errors.New("there is no such day or hour")
	}
	return t, nil
}
