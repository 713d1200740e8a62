//go:build !small

package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"ferry/transfer/object"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func (o Options) bucket() bucket.Options {
	return bucket.Options{Endpoint: o.Endpoint, Getenv: o.Getenv, Waiting: o.Waiting}
}

// Is reports whether a text is written as a place in a store.
func Is(text string) bool { return bucket.Is(text) }

// Check returns why a text that Is one names no place that items may be in; nil if it does. What
// lies in a folder for what is unfinished is removed by the next delivery above it.
func Check(text string) error {
	_, prefix, err := bucket.Parse(text)
	if err == nil && ofState(prefix) {
		err = fmt.Errorf("%q: %w", text, tree.ErrOwnState)
	}
	return err
}

// Inside reports whether place lies in the other one, or is that. Both pass Check.
func Inside(place, other string) bool {
	in, prefix, err := bucket.Parse(place)
	of, above, oerr := bucket.Parse(other)
	return err == nil && oerr == nil && in == of && (above == "" || prefix == above || strings.HasPrefix(prefix, above+"/"))
}

// Store is a place in a store that was found, and may be listed.
type Store struct {
	ctx     context.Context // of all that is asked of it
	bucket  *bucket.Bucket
	options Options
}

// Open looks for credentials, and asks the store for the bucket. It waits 10 s at most for a
// store that is away, and 20 s for an answer. The end of ctx ends all requests to it, later ones too.
func Open(ctx context.Context, place string, o Options) (*Store, error) {
	s, err := open(ctx, place, o)
	return s, named(place, err)
}

func open(ctx context.Context, place string, o Options) (*Store, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	b, err := bucket.Open(ctx, place, o.bucket())
	if err != nil {
		return nil, err
	}
	return &Store{ctx, b, o}, nil
}

// Lands opens the place that a copy to dest lands in. A copy of one item that is no folder,
// which is what single says, may get dest itself as its name: that is so if dest ends in no
// slash, and nothing is below it. Then the place is that above dest.
func Lands(ctx context.Context, dest string, single bool, o Options) (s *Store, name string, err error) {
	in, prefix, err := bucket.Parse(dest)
	if err != nil {
		return nil, "", err
	}
	if !single || prefix == "" || strings.HasSuffix(dest, "/") {
		s, err = Open(ctx, dest, o)
		return s, "", err
	}
	above, name := path.Split(prefix)
	s, err = open(ctx, "s3://"+path.Join(in, above), o)
	if err != nil {
		return nil, "", named(dest, err)
	}
	for _, err := range s.bucket.List(ctx, name+"/", false) {
		err = errors.Join(err, s.Close())
		if err != nil {
			return nil, "", named(dest, err)
		}
		s, err = Open(ctx, dest, o)
		return s, "", err
	}
	return s, name, nil
}

// Place is the place, as s3://bucket/prefix.
func (s *Store) Place() string { return s.bucket.Place() }

func (o DestinationOptions) object() object.Options {
	return object.Options{VerifyDisk: o.VerifyDisk, Memory: o.Memory, Owner: o.Owner}
}

// Destination is the place as the destination of one delivery.
func (s *Store) Destination(o DestinationOptions) (storage.Destination, error) {
	d, err := object.NewDestination(s.ctx, s.bucket, o.object())
	return d, named(s.Place(), err)
}

// Rehearsal is the place as the destination of a dry run, which changes nothing.
func (s *Store) Rehearsal(o DestinationOptions) (storage.Destination, error) {
	d, err := object.NewRehearsal(s.ctx, s.bucket, o.object())
	return d, named(s.Place(), err)
}

// Close lets go of the connections.
func (s *Store) Close() error { s.bucket.Close(); return nil }

// Source is a place in a store that is to be sent. It is closed after the delivery.
type Source struct {
	source *object.Source
	bucket *bucket.Bucket
	folder bool
}

// OpenSource looks at a place that is to be sent: one object, or all that is below it. An error
// that is fs.ErrNotExist: nothing is there.
func OpenSource(ctx context.Context, place string, o Options) (*Source, error) {
	b, err := bucket.Open(ctx, place, o.bucket())
	if err != nil {
		return nil, named(place, err)
	}
	s := &Source{source: object.NewSource(ctx, b, place, object.SourceOptions{}), bucket: b}
	found, err := s.source.Top()
	if err == nil {
		err = found.Err
	}
	if err != nil {
		_ = s.Close() // nothing was read
		return nil, named(place, err)
	}
	s.folder = found.Info.Kind == tree.Folder
	return s, nil
}

// Sources are places below s, as many as are asked for at once, that share its connections, and
// so many bytes of memory for what is read ahead. What is there is not looked at: a walk will, so
// that what is not there fails as an item. A path is clean, and asked is what people call it.
// They are closed together, before s.
type Sources struct {
	of     *Store
	memory int64
	all    []*object.Source
}

// Sources are none yet.
func (s *Store) Sources(memory int64) *Sources { return &Sources{of: s, memory: memory} }

// Add is one more, as a sender walks it.
func (s *Sources) Add(path, asked string) tree.Source {
	o := object.SourceOptions{Memory: s.memory}
	if len(s.all) > 0 {
		o.Beside = s.all[0]
	}
	src := object.NewSource(s.of.ctx, s.of.bucket.Below(path), strings.TrimRight(asked, "/"), o)
	s.all = append(s.all, src)
	t := src.Tree()
	t.Path = asked
	return t
}

// Close ends what is under way.
func (s *Sources) Close() {
	for _, src := range s.all {
		src.Close()
	}
}

// Folder reports whether it is all that is below the place, and not one object.
func (s *Source) Folder() bool { return s.folder }

// Tree is what a sender walks.
func (s *Source) Tree() tree.Source { return s.source.Tree() }

// Close lets go of the connections.
func (s *Source) Close() error {
	s.source.Close()
	s.bucket.Close()
	return nil
}

// named puts the place in front of an error that does not tell it.
func named(place string, err error) error {
	var failed *bucket.Error
	if err == nil || !errors.As(err, &failed) {
		return err
	}
	return &placeError{place, err}
}

// placeError is a failure at a place in a store.
type placeError struct {
	place string // "": it is not told
	err   error
}

// Error names the place, and the step and the key if the failure is about one object.
func (e *placeError) Error() string {
	told := e.err
	var failed *bucket.Error
	if errors.As(e.err, &failed) && failed.Key == "" {
		told = failed.Err
	}
	if e.place == "" {
		return told.Error()
	}
	return fmt.Sprintf("%s: %v", e.place, told)
}

func (e *placeError) Unwrap() error { return e.err }

// Placeless is err without the place that it is about, for those who are not to learn it.
func Placeless(err error) error {
	var about *placeError
	if !errors.As(err, &about) {
		return err
	}
	return &placeError{err: about.err}
}

// FaultOf is the kind of cause of an error.
func FaultOf(err error) Fault {
	var failed *bucket.Error
	if !errors.As(err, &failed) {
		return NoFault
	}
	switch failed.Kind {
	case bucket.NoCredentials, bucket.Denied:
		return Refused
	case bucket.NoBucket, bucket.WrongRegion:
		return NoBucket
	case bucket.Away, bucket.Throttled:
		return Away
	}
	return Failed
}

// Needs returns it.
func (s *Store) Needs() Needs {
	endpoint, secure := s.bucket.Endpoint()
	n := Needs{Port: 80}
	if secure {
		n.Port = 443
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		host = endpoint
	} else if p, err := strconv.ParseUint(port, 10, 16); err == nil {
		n.Port = uint16(p)
	}
	n.Resolves = net.ParseIP(host) == nil
	getenv := s.options.Getenv
	if file := getenv("AWS_CA_BUNDLE"); file != "" {
		n.Files = append(n.Files, file)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		n.AnyPort = n.AnyPort || getenv(name) != ""
	}
	if getenv("AWS_ACCESS_KEY_ID") != "" {
		return n // nothing else is asked who this is
	}
	n.AnyPort = true
	for _, name := range []string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		if file := getenv(name); file != "" {
			n.Files = append(n.Files, file)
		}
	}
	if home := getenv("HOME"); home != "" {
		n.Files = append(n.Files, filepath.Join(home, ".aws"))
	}
	return n
}

// Size lists all that is below the place, and adds up the bytes of the objects, and of what is
// unfinished: uploads that are not complete, and what is ferry's own.
func (s *Store) Size(ctx context.Context) (files, unfinished int64, err error) {
	for o, err := range s.bucket.List(ctx, "", true) {
		if err != nil {
			return 0, 0, named(s.Place(), err)
		}
		if !ofState(o.Key) {
			files += o.Size
			continue
		}
		n, err := object.Unfinished(ctx, s.bucket, o.Object)
		if err != nil {
			return 0, 0, named(s.Place(), err)
		}
		unfinished += n
	}
	return files, unfinished, nil
}

// ofState tells whether a key is below a folder for what is unfinished.
func ofState(key string) bool {
	for name := range strings.SplitSeq(key, "/") {
		if tree.IsStateName(name) {
			return true
		}
	}
	return false
}
