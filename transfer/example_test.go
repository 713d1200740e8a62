package transfer_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// sendTo delivers the file at path to the receiver that listens on addr.
func sendTo(ctx context.Context, addr string, code link.Code, path string) error {
	l, err := link.Dial(ctx, addr, link.Config{Role: link.Sender, Code: code}, 0)
	if err != nil {
		return err
	}
	file := tree.Source{Path: path, Name: filepath.Base(path)}
	_, err = send.Send(ctx, l, send.Options{Sources: []send.Source{{Source: file}}})
	return err
}

// receiveInto waits for a sender that knows the code, and takes its delivery into dir.
func receiveInto(ctx context.Context, listener *link.Listener, dir string) (transfer.Result, error) {
	folder, err := local.NewFolder(dir, local.FolderOptions{})
	if err != nil {
		return transfer.Result{}, err
	}
	defer folder.Close()
	l, err := listener.Accept(ctx)
	if err != nil {
		return transfer.Result{}, err
	}
	return receive.Receive(ctx, l, receive.Options{Destination: folder})
}

// A delivery between two ends, which would be on two machines: one listens, the
// other dials, and both know the code. sendTo and receiveInto are all that each needs.
func Example() {
	ctx, dir := context.Background(), tempFolder()
	defer os.RemoveAll(dir)
	code, _ := link.ParseCode("7-copper-violin-meadow")
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	listener, err := link.Serve(inner, link.Config{Role: link.Receiver, Code: code})
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()

	sent := make(chan error)
	go func() { sent <- sendTo(ctx, listener.Addr().String(), code, filepath.Join(dir, "letter")) }()
	result, err := receiveInto(ctx, listener, filepath.Join(dir, "inbox"))
	fmt.Println(result.Delivered, "item,", result.Bytes, "bytes, durable:", result.Durable, err, <-sent)
	// Output: 1 item, 10 bytes, durable: true <nil> <nil>
}

func tempFolder() string {
	dir, err := os.MkdirTemp("", "ferry")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter"), []byte("Dear Ann,\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	return dir
}
