package main

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"ferry/checksum"
)

// limit is what no tool can be faster than here.
type limit struct {
	Name string  `json:"name"`
	Rate float64 `json:"bytes_per_second"`
}

const (
	// limitData is how much each limit is measured on, in bytes.
	limitData = 256 << 20
	// pieceSize is what is sent, hashed or written at once, in bytes.
	pieceSize = checksum.ChunkSize
	// recordSize is the plain text of a full TLS record, in bytes.
	recordSize = 16 << 10
)

// measureLimits measures what stands beside the tools' figures, each on a number
// of bytes that is a multiple of pieceSize. dir is on the disk, or the memory,
// that the data is on.
func measureLimits(dir string, bytes int) ([]limit, error) {
	var limits []limit
	for _, m := range []struct {
		name string
		run  func(bytes int) error
	}{
		{"TCP over loopback, in plain, one connection", tcpOnce},
		{"BLAKE3 of chunks, one core", hashOnce},
		{"AES-128-GCM of TLS records, one core", sealOnce},
		{"writing a file and syncing it", func(bytes int) error { return writeOnce(dir, bytes) }},
	} {
		began := time.Now()
		if err := m.run(bytes); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", m.name, err)
		}
		limits = append(limits, limit{m.name, float64(bytes) / time.Since(began).Seconds()})
	}
	return limits, nil
}

func tcpOnce(bytes int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			sent <- errors.Join(err, l.Close()) // or nobody would come
			return
		}
		buf := make([]byte, pieceSize)
		for n := 0; n < bytes && err == nil; n += len(buf) {
			_, err = c.Write(buf)
		}
		sent <- errors.Join(err, c.Close())
	}()
	c, err := l.Accept()
	if err != nil {
		return errors.Join(err, <-sent)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, pieceSize))
	if err == nil && n != int64(bytes) {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, c.Close(), <-sent)
}

func hashOnce(bytes int) error {
	chunk := make([]byte, pieceSize)
	for i := range bytes / pieceSize {
		checksum.NewNode(chunk, uint64(i))
	}
	return nil
}

func sealOnce(bytes int) error {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	record := make([]byte, recordSize, recordSize+aead.Overhead())
	nonce := make([]byte, aead.NonceSize())
	for range bytes / recordSize {
		aead.Seal(record[:0], nonce, record, nil)
	}
	return nil
}

func writeOnce(dir string, bytes int) (err error) {
	f, err := os.Create(filepath.Join(dir, "limit"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	buf := make([]byte, pieceSize)
	for range bytes / pieceSize {
		if _, err := f.Write(buf); err != nil {
			return err
		}
	}
	return f.Sync()
}
