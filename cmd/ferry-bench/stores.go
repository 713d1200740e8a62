package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// The store is versitygw, which keeps objects as files. What goes to it lands in $DST/$NAME, as
// with other tools; what comes from it is in $STORE/$NAME, and was put there before the clock
// starts. It is one process beside the tool, and both share the processors.
const (
	storeTo   = `sh -c mkdir -p "$DST/$NAME" && exec versitygw --access ferry-bench --secret "$SECRET" --port "$ADDRESS:$PORT" --quiet --keep-alive posix "$DST"`
	storeFrom = `sh -c mkdir -p "$STORE/$NAME" && exec versitygw --access ferry-bench --secret "$SECRET" --port "$ADDRESS:$PORT" --quiet --keep-alive posix "$STORE"`
	// ferryStore and rcloneStore are told where the store is, and who asks, by the environment.
	ferryStore  = `AWS_ACCESS_KEY_ID=ferry-bench AWS_SECRET_ACCESS_KEY=$SECRET AWS_ENDPOINT_URL_S3=http://$ADDRESS:$PORT AWS_EC2_METADATA_DISABLED=true exec "$FERRY" copy --quiet $FLAGS `
	rcloneStore = `unset AWS_CA_BUNDLE; RCLONE_CONFIG_X_TYPE=s3 RCLONE_CONFIG_X_PROVIDER=Other RCLONE_CONFIG_X_ENDPOINT=http://$ADDRESS:$PORT RCLONE_CONFIG_X_ACCESS_KEY_ID=ferry-bench RCLONE_CONFIG_X_SECRET_ACCESS_KEY=$SECRET exec rclone copy --quiet --config /dev/null `
	fillStore   = "sh -c " + ferryStore + `"$SRC/" "s3://$NAME"`
)

// stores are the rows of tools that go to a store, or come from one. rclone checks what it
// copies by MD5, as it does by default.
func stores() []tool {
	return []tool{
		{name: "ferry-s3", needs: "ferry versitygw sh", daemon: storeTo, near: "sh -c " + ferryStore + `"$SRC/" "s3://$NAME"`, update: ferryUpdate, store: true},
		{name: "rclone-s3", needs: "rclone versitygw sh", daemon: storeTo, near: "sh -c " + rcloneStore + `"$SRC" "X:$NAME"`, store: true},
		{name: "ferry-from-s3", needs: "ferry versitygw sh", daemon: storeFrom, fill: fillStore, near: "sh -c " + ferryStore + `"s3://$NAME" "$DST/$NAME"`, update: ferryUpdate, store: true},
		{name: "rclone-from-s3", needs: "ferry rclone versitygw sh", daemon: storeFrom, fill: fillStore, near: "sh -c " + rcloneStore + `"X:$NAME" "$DST/$NAME"`, store: true},
	}
}

// storeIn is the folder of what is taken from a store, beside that of the destination.
func (r *runner) storeIn() string { return r.dst + "-store" }

// filled puts the data into the store of a tool, unless an earlier run at this destination has.
func (r *runner) filled(ctx context.Context, l tool, set dataset, vars map[string]string) error {
	if l.fill == "" {
		return nil
	}
	mark := filepath.Join(r.storeIn(), ".filled")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	p, err := start(ctx, r.net.near, l.fill, vars)
	if err == nil {
		err = wait(p, nil)
	}
	if err != nil {
		return err
	}
	settle(r.storeIn())
	return os.WriteFile(mark, nil, 0o666)
}

// cleared removes what the server keeps of its own among what was delivered. It is called once
// the server has ended.
func (r *runner) cleared(set dataset) error {
	var errs []error
	for _, own := range []string{".vgwlocks", filepath.Join(filepath.Base(set.path), ".sgwtmp")} {
		errs = append(errs, removeAll(filepath.Join(r.dst, own)))
	}
	return errors.Join(errs...)
}
