package bucket

import (
	"context"
	"errors"

	"github.com/minio/minio-go/v7"
)

// MaxCopy is how long an object may be that is copied, in bytes.
const MaxCopy = 5 << 30

// Copy has the store copy the object from to the key to, with meta in the place of its
// metadata; both may be one key. An object there that has another ETag than from is
// Precondition. C is about what stands at to, and does not count if that is from's key.
//
// Most stores change only the metadata of an object that is copied to its own key. Others
// write it anew, and may give it another ETag.
func (b *Bucket) Copy(ctx context.Context, from Object, to string, meta map[string]string, c Condition) (Object, error) {
	source, err := b.full("copy", from.Key)
	if err != nil {
		return Object{}, err
	}
	full, err := b.full("copy", to)
	if err != nil {
		return Object{}, err
	}
	if _, err := metaHeaders(meta); err != nil {
		return Object{}, &Error{Kind: Other, Op: "copy", Key: to, Err: err}
	}
	if from.Size > MaxCopy {
		return Object{}, &Error{Kind: Other, Op: "copy", Key: to, Err: errors.New("no store copies more than 5 GiB at once")}
	}
	if from.Key != to && !c.none() {
		// Few stores take conditions here, so one is only looked at.
		if err := b.look(ctx, "copy", to, full, c); err != nil {
			return Object{}, err
		}
	}
	var o Object
	err = b.retry.do(ctx, "copy", to, func(ctx context.Context, a *attempt) error {
		_, err := b.core.Client.CopyObject(ctx,
			minio.CopyDestOptions{Bucket: b.name, Object: full, UserMetadata: meta, ReplaceMetadata: true},
			minio.CopySrcOptions{Bucket: b.name, Object: source, MatchETag: from.ETag})
		if err != nil && !(a.again && isPrecondition(err, Condition{ETag: from.ETag})) {
			return err
		}
		stands, look := b.head(ctx, to, full)
		switch {
		case look != nil:
			return look
		case stands.Size != from.Size || !sameMeta(stands.Meta, meta):
			if err != nil {
				return err
			}
			return mismatched("the store copied it, and tells %d bytes or other metadata", stands.Size)
		}
		o = stands
		return nil
	})
	return o, err
}
