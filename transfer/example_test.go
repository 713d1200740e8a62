package transfer_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// A delivery between two ends, which would be on two machines: one listens, the
// other dials, and both know the code.
func Example() {
	ctx, dir := context.Background(), tempFolder()
	defer os.RemoveAll(dir)
	code, _ := link.ParseCode("7-copper-violin-meadow")

	listener, err := link.Listen(ctx, "127.0.0.1:0", link.Config{Role: link.Receiver, Code: code})
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go func() {
		l, err := link.Dial(ctx, listener.Addr().String(), link.Config{Role: link.Sender, Code: code}, 0)
		if err != nil {
			log.Fatal(err)
		}
		letter := tree.Source{Path: filepath.Join(dir, "letter"), Name: "letter"}
		if _, err := send.Send(ctx, l, send.Options{Sources: []send.Source{{Source: letter}}}); err != nil {
			log.Fatal(err)
		}
	}()

	l, err := listener.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	folder, err := local.NewFolder(filepath.Join(dir, "inbox"), local.FolderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	result, err := receive.Receive(ctx, l, receive.Options{Destination: folder})
	fmt.Println(result.Delivered, "item,", result.Bytes, "bytes, durable:", result.Durable, err)
	// Output: 1 item, 10 bytes, durable: true <nil>
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
