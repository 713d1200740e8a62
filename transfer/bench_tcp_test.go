package transfer_test

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// A sender and a receiver over TCP on loopback, encrypted. With -cpuprofile it shows what
// part of the processor time each goroutine has; README.md of cmd/ferry-bench says how.
func BenchmarkSendLarge(b *testing.B) {
	dir := benchDir(b)
	const size = 1 << 30
	src, dst := filepath.Join(dir, "large"), filepath.Join(dir, "dst")
	f, err := os.Create(src)
	if err != nil {
		b.Fatal(err)
	}
	random, chunk := rand.NewChaCha8([32]byte{}), make([]byte, 1<<20)
	for range size / len(chunk) {
		_, _ = random.Read(chunk) // never fails
		if _, err := f.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		if err := sendOnce(b, src, dst); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.RemoveAll(dst); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// sendOnce delivers src into the folder dst.
func sendOnce(b *testing.B, src, dst string) error {
	ctx := b.Context()
	d, err := local.NewFolder(dst, local.FolderOptions{})
	if err != nil {
		return err
	}
	defer d.Close()
	code, err := link.GenerateCode()
	if err != nil {
		return err
	}
	inlet, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listener, err := link.Serve(inlet, link.Config{Role: link.Receiver, Code: code})
	if err != nil {
		return err
	}
	defer listener.Close()
	received := make(chan error, 1)
	go func() {
		l, err := listener.Accept(ctx)
		if err == nil {
			_, err = receive.Receive(ctx, l, receive.Options{Destination: d})
		}
		received <- err
	}()
	l, err := link.Dial(ctx, listener.Addr().String(), link.Config{Role: link.Sender, Code: code}, 0)
	if err != nil {
		return err
	}
	if _, err := send.Send(ctx, l, send.Options{Sources: deliverytest.Contents(src), Compress: transfer.CompressNever}); err != nil {
		return err
	}
	return <-received
}
