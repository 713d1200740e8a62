package tree

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// SizeRange is --min-size and --max-size: which files are sent by their size. The
// zero SizeRange takes all. It says nothing about folders, links and streams.
type SizeRange struct {
	Min int64  // bytes; smaller files are left out
	Max *int64 // bytes; larger files are left out; nil is no limit
}

// Excludes returns the flag that leaves out a file of so many bytes, or nothing.
func (r SizeRange) Excludes(size int64) (flag string) {
	switch {
	case size < r.Min:
		return "--min-size"
	case r.Max != nil && size > *r.Max:
		return "--max-size"
	}
	return ""
}

// maxSizeText bounds the text of a size, in bytes.
const maxSizeText = 40

// fractionDigits is how many digits behind the point count; 10^18 fits in an int64.
const fractionDigits = 18

// ParseSize reads a number of bytes: 4096, 64K, 10M, 1.5GiB, in whatever case. The
// units are IEC's, steps of 1024 from K to E with or without iB; a plain B is
// bytes. What is below a byte is dropped. KB and its like are refused, because they mean
// 1000 to some, and so are a sign, spaces, a fraction of plain bytes, and more than 2^63-1.
func ParseSize(text string) (int64, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, fmt.Errorf("size %.40q: %w", text, err)
	}
	return n, nil
}

func parseSize(text string) (int64, error) {
	if len(text) > maxSizeText {
		return 0, fmt.Errorf("%d bytes long, %d at most", len(text), maxSizeText)
	}
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	shift, err := sizeUnit(strings.ToUpper(text[len(number):]))
	if err != nil {
		return 0, err
	}
	// ParseInt and ParseFloat would take signs, underscores, exponents and Inf.
	whole, fraction, point := strings.Cut(number, ".")
	if !isDigits(whole) || point && !isDigits(fraction) {
		return 0, errors.New("not a number with a unit such as 10M or 1.5GiB")
	}
	if point && shift == 0 {
		return 0, errors.New("a fraction needs a unit above bytes")
	}
	// The fraction adds less than one unit, so it cannot carry n over the limit.
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errors.New("too large")
	}
	return n<<shift + fractionOf(fraction, shift), nil
}

// fractionOf returns 0.digits of 1<<shift, rounded down: always less than it.
func fractionOf(digits string, shift uint) int64 {
	var value, scale uint64 = 0, 1
	for i := range min(len(digits), fractionDigits) {
		value = value*10 + uint64(digits[i]-'0')
		scale *= 10
	}
	hi, lo := bits.Mul64(value, 1<<shift)
	quotient, _ := bits.Div64(hi, lo, scale)
	return int64(quotient)
}

// sizeUnit returns the power of two of a unit in upper case.
func sizeUnit(unit string) (shift uint, err error) {
	if unit == "" || unit == "B" {
		return 0, nil
	}
	step := strings.IndexByte("KMGTPE", unit[0])
	switch {
	case step < 0:
		return 0, errors.New("unknown unit")
	case unit[1:] == "B":
		return 0, fmt.Errorf("%s is 1000 to some and 1024 to others: write %c or %ciB for steps of 1024", unit, unit[0], unit[0])
	case unit[1:] != "" && unit[1:] != "IB":
		return 0, errors.New("unknown unit")
	}
	return uint(step+1) * 10, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
