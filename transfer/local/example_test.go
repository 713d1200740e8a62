package local_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// A mirror of a folder: what is new or other is copied, and what the source has not is
// deleted, but never more than one item.
func ExampleCopy() {
	dir, err := os.MkdirTemp("", "ferry")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	err = errors.Join(os.Mkdir(src, 0o755), os.Mkdir(dst, 0o755),
		os.WriteFile(filepath.Join(src, "letter"), []byte("Dear Ann,\n"), 0o644),
		os.WriteFile(filepath.Join(dst, "draft"), []byte("Dear\n"), 0o644))
	if err != nil {
		log.Fatal(err)
	}

	folder, err := local.NewFolder(dst, local.FolderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	result, err := local.Copy(context.Background(), local.Options{
		Send:    send.Options{Sources: []send.Source{{Source: tree.Source{Path: src, Contents: true}}}},
		Receive: receive.Options{Destination: folder, OnConflict: transfer.ConflictOverwrite},
		Delete:  &local.Delete{Max: 1},
	})
	fmt.Println(result.Files, "file copied,", result.Deleted, "deleted:", err)
	// Output: 1 file copied, 1 deleted: <nil>
}
