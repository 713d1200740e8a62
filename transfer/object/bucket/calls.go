package bucket

import (
	"context"
	"io"
	"iter"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// calls are those of the library's client that this package makes. It keeps no client: the
// package of the command line prints by templates, which look up methods by name, so the
// linker keeps every exported method of a type that a value in an interface leads to. Of the
// client these are hundreds, and 1.3 MiB of the program.
type calls struct {
	GetBucketLocation       func(ctx context.Context, bucket string) (string, error)
	ListObjectsV2           func(bucket, prefix, after, token, delimiter string, most int) (minio.ListBucketV2Result, error)
	ListMultipartUploads    func(ctx context.Context, bucket, prefix, key, id, delimiter string, most int) (minio.ListMultipartUploadsResult, error)
	ListObjectParts         func(ctx context.Context, bucket, object, upload string, marker, most int) (minio.ListObjectPartsResult, error)
	StatObject              func(ctx context.Context, bucket, object string, o minio.StatObjectOptions) (minio.ObjectInfo, error)
	GetObject               func(ctx context.Context, bucket, object string, o minio.GetObjectOptions) (io.ReadCloser, minio.ObjectInfo, http.Header, error)
	PutObject               func(ctx context.Context, bucket, object string, data io.Reader, size int64, md5, sha256 string, o minio.PutObjectOptions) (minio.UploadInfo, error)
	CopyObject              func(ctx context.Context, to minio.CopyDestOptions, from minio.CopySrcOptions) (minio.UploadInfo, error)
	RemoveObject            func(ctx context.Context, bucket, object string, o minio.RemoveObjectOptions) error
	RemoveObjectsWithIter   func(ctx context.Context, bucket string, all iter.Seq[minio.ObjectInfo], o minio.RemoveObjectsOptions) (iter.Seq[minio.RemoveObjectResult], error)
	NewMultipartUpload      func(ctx context.Context, bucket, object string, o minio.PutObjectOptions) (string, error)
	PutObjectPart           func(ctx context.Context, bucket, object, upload string, part int, data io.Reader, size int64, o minio.PutObjectPartOptions) (minio.ObjectPart, error)
	CompleteMultipartUpload func(ctx context.Context, bucket, object, upload string, parts []minio.CompletePart, o minio.PutObjectOptions) (minio.UploadInfo, error)
	AbortMultipartUpload    func(ctx context.Context, bucket, object, upload string) error
}

// newCalls makes a client, and returns its calls.
func newCalls(host string, o *minio.Options) (*calls, error) {
	c, err := minio.NewCore(host, o)
	if err != nil {
		return nil, err
	}
	return &calls{
		GetBucketLocation: c.GetBucketLocation, ListObjectsV2: c.ListObjectsV2, ListMultipartUploads: c.ListMultipartUploads,
		ListObjectParts: c.ListObjectParts, StatObject: c.StatObject, GetObject: c.GetObject, PutObject: c.PutObject,
		CopyObject: c.Client.CopyObject, RemoveObject: c.RemoveObject, RemoveObjectsWithIter: c.RemoveObjectsWithIter,
		NewMultipartUpload: c.NewMultipartUpload, PutObjectPart: c.PutObjectPart,
		CompleteMultipartUpload: c.CompleteMultipartUpload, AbortMultipartUpload: c.AbortMultipartUpload,
	}, nil
}
