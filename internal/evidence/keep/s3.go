package keep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/muster-dr/muster/internal/evidence"

	"github.com/muster-dr/muster/internal/certpool"
)

// S3Options say how an S3-compatible store is reached.
type S3Options struct {
	Endpoint string // https://host[:port]; http:// for tests and closed networks
	Region   string
	Bucket   string
	Prefix   string
	// Keys are the access key and the secret key, asked at each use, so that they can be replaced.
	Keys   func(context.Context) (access, secret string, err error)
	CAFile string // "" is the system's
	// LockFor asks the store to refuse any change and removal of a bundle for so long after it
	// was put (object lock, compliance mode); the bucket has to be made for that. 0 asks nothing.
	LockFor time.Duration
}

// S3 is a place in an S3-compatible store.
type S3 struct {
	o      S3Options
	client *minio.Client
}

// NewS3 makes the place; nothing is sent yet.
func NewS3(o S3Options) (*S3, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("the endpoint %q is no URL such as https://s3.example.com", o.Endpoint)
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, err
	}
	if o.CAFile != "" {
		roots, err := certpool.Read(o.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.New(keys(o.Keys)), Secure: u.Scheme == "https",
		Region: o.Region, Transport: transport, BucketLookup: minio.BucketLookupAuto, MaxRetries: 1})
	if err != nil {
		return nil, err
	}
	return &S3{o, c}, nil
}

// keys give the client the keys of the moment.
type keys func(context.Context) (access, secret string, err error)

func (k keys) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

func (k keys) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	access, secret, err := k(ctx)
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, err
}

// IsExpired has them read at each use.
func (keys) IsExpired() bool { return true }

// Name is the bucket's address.
func (s *S3) Name() string {
	u, _ := url.Parse(s.o.Endpoint)
	return "s3://" + u.Host + "/" + path.Join(s.o.Bucket, s.o.Prefix)
}

func (s *S3) key(name string) string { return path.Join(s.o.Prefix, name) }

// Put puts a bundle there, if nothing is under its name yet. A store that knows If-None-Match
// holds that against two writers at once; one that does not is asked before.
func (s *S3) Put(ctx context.Context, name string, b []byte) error {
	old, err := s.Get(ctx, name)
	switch {
	case err == nil && bytes.Equal(old, b):
		return nil
	case err == nil:
		return fmt.Errorf("%s: %w", s.key(name), ErrOther)
	case !missing(err):
		return s.explain(err)
	}
	sum := sha256.Sum256(b)
	o := minio.PutObjectOptions{ContentType: "application/zip", DisableMultipart: true, SendContentMd5: true,
		UserMetadata: map[string]string{"muster-sha256": base64.StdEncoding.EncodeToString(sum[:])}}
	if s.o.LockFor > 0 {
		o.Mode, o.RetainUntilDate = minio.Compliance, time.Now().UTC().Add(s.o.LockFor)
	}
	o.SetMatchETagExcept("*")
	_, err = s.client.PutObject(ctx, s.o.Bucket, s.key(name), bytes.NewReader(b), int64(len(b)), o)
	return s.explain(err)
}

// Get reads it back.
func (s *S3) Get(ctx context.Context, name string) ([]byte, error) {
	r, err := s.client.GetObject(ctx, s.o.Bucket, s.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, evidence.MostPacked+1))
}

func missing(err error) bool { return minio.ToErrorResponse(err).Code == minio.NoSuchKey }

// explain puts what a store says into words; no key is in any of it.
func (s *S3) explain(err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == minio.NoSuchBucket:
		return fmt.Errorf("%s: there is no such bucket; make it, with object lock if it is to be locked", s.Name())
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: the store refuses these credentials (%s): they need to put and get objects there", s.Name(), r.Code)
	case r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", s.Name(), ErrOther)
	case r.Code != "" && r.StatusCode != 0:
		return fmt.Errorf("%s: %s: %s", s.Name(), r.Code, strings.TrimSpace(r.Message))
	}
	if u := new(url.Error); errors.As(err, &u) {
		return fmt.Errorf("%s: not reached: %w", s.Name(), u.Err)
	}
	return fmt.Errorf("%s: %w", s.Name(), err)
}
