package main

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// maxSizeText bounds the text of a size, in bytes.
const maxSizeText = 40

// parseSize reads a number of bytes: 4096, 64K, 10M, 1.5GiB, in whatever case. The
// units are those of IEC, steps of 1024 from K to E with or without iB; a plain B is
// bytes. A part of a byte is dropped. Errors: KB and its like, which mean 1000 to some
// people, a sign, a space, a fraction without a unit, and more than 2^63-1 bytes.
func parseSize(text string) (int64, error) {
	n, err := bytesOf(text)
	if err != nil {
		return 0, fmt.Errorf("size %.40q: %w", text, err)
	}
	return n, nil
}

func bytesOf(text string) (int64, error) {
	if len(text) > maxSizeText {
		return 0, fmt.Errorf("%d bytes long, %d at most", len(text), maxSizeText)
	}
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	shift, err := sizeUnit(strings.ToUpper(text[len(number):]))
	if err != nil {
		return 0, err
	}
	whole, fraction, point := strings.Cut(number, ".")
	isNumber := whole != "" && (fraction != "" || !point) && strings.Trim(whole+fraction, "0123456789") == ""
	switch {
	case !isNumber:
		return 0, errors.New("not a number with a unit such as 10M or 1.5GiB")
	case point && shift == 0:
		return 0, errors.New("a fraction needs a unit above bytes")
	}
	exact, _ := new(big.Rat).SetString(number) // digits and a point are a number
	bytes := new(big.Int).Lsh(exact.Num(), shift)
	if bytes.Quo(bytes, exact.Denom()); !bytes.IsInt64() {
		return 0, errors.New("too large")
	}
	return bytes.Int64(), nil
}

// sizeUnit returns the power of two of a unit in upper case.
func sizeUnit(unit string) (shift uint, err error) {
	if unit == "" || unit == "B" {
		return 0, nil
	}
	step := strings.IndexByte("KMGTPE", unit[0])
	switch rest := unit[1:]; {
	case step < 0 || rest != "" && rest != "B" && rest != "IB":
		return 0, errors.New("unknown unit")
	case rest == "B":
		return 0, fmt.Errorf("%s is 1000 to some and 1024 to others: write %c or %ciB for steps of 1024", unit, unit[0], unit[0])
	}
	return uint(step+1) * 10, nil
}
