package keyring

import (
	"encoding/binary"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/muster-dr/muster/internal/plan"
)

// What is beside an encrypted payload in clear: in histories for ever, so never renamed.
// The namespace and the workflow are no secret to the engine; they are bound to the content.
const (
	Encoding      = "binary/muster-encrypted"
	metaKey       = "encryption-key-id"
	metaNamespace = "encryption-namespace"
	metaWorkflow  = "encryption-workflow"
)

// What the first byte of the content says of the rest.
const (
	plain  = 0
	zipped = 1
)

const (
	// zipFrom is from how many bytes on compression is tried.
	zipFrom = 256
	// mostUnzipped bounds what one payload may become: the engine's own limit is 2 MB, and
	// only holders of a key can make one.
	mostUnzipped = 64 << 20
)

var (
	zipper, _   = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	unzipper, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostUnzipped))
)

// Codec encrypts payloads with the active key of a keyring and decrypts with whichever they
// name. Payloads that are not encrypted, of before there were keys, are read as they are.
// It is what the Temporal UI asks through the codec endpoint as well.
type Codec struct {
	held *Held
	// namespace is the engine's own name for the namespace: through the gateway workers call
	// it what they like.
	namespace *atomic.Pointer[string]
	workflow  string // "" is not known here
	strict    bool   // panics in place of an error, see Strictly
	loose     bool   // decrypts whatever workflow something belongs to
}

// NewCodec makes a codec. held may be nil: then nothing is encrypted.
func NewCodec(held *Held, namespace string) *Codec {
	c := &Codec{held: held, namespace: &atomic.Pointer[string]{}}
	c.namespace.Store(&namespace)
	return c
}

// InNamespace has it, and all that were made from it, bind to a namespace from now on.
func (c *Codec) InNamespace(name string) { c.namespace.Store(&name) }

// Encrypts reports whether it has a key to encrypt with.
func (c *Codec) Encrypts() bool { _, ok := c.held.active(); return ok }

// Keys are those that it knows now.
func (c *Codec) Keys() Ring { return c.held.Ring() }

// Strictly is the same codec for a worker of workflows. There, an error would be taken for
// the result of a step and fail what it belongs to; a panic only fails the attempt to go on,
// and the engine tries again until a process with the key takes it.
func (c *Codec) Strictly() *Codec {
	out := *c
	out.strict = true
	return &out
}

// WithSerializationContext binds the codec to the workflow that its payloads belong to.
func (c *Codec) WithSerializationContext(ctx converter.SerializationContext) converter.PayloadCodec {
	out := *c
	switch at := ctx.(type) {
	case converter.WorkflowSerializationContext:
		out.workflow = at.WorkflowID
	case converter.ActivitySerializationContext:
		out.workflow = at.WorkflowID
	default:
		out.workflow = ""
	}
	return &out
}

// Encode encrypts payloads.
func (c *Codec) Encode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	key, ok := c.held.active()
	if !ok {
		return in, nil
	}
	out := make([]*commonpb.Payload, len(in))
	for i, p := range in {
		if string(p.GetMetadata()[converter.MetadataEncoding]) == Encoding {
			out[i] = p // a schedule that is written back as it was read
			continue
		}
		content, err := proto.Marshal(p)
		if err != nil {
			return nil, c.fail(err)
		}
		namespace := *c.namespace.Load()
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(Encoding), metaKey: []byte(key.ID),
				metaNamespace: []byte(namespace), metaWorkflow: []byte(c.workflow),
			},
			Data: key.aead.Seal(nil, nil, packed(content), bound(key.ID, namespace, c.workflow)),
		}
	}
	return out, nil
}

// Decode decrypts what was encrypted, and leaves the rest.
func (c *Codec) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(in))
	for i, p := range in {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			out[i] = p
			continue
		}
		var err error
		if out[i], err = c.open(p); err != nil {
			return nil, c.fail(err)
		}
	}
	return out, nil
}

func (c *Codec) fail(err error) error {
	if c.strict {
		panic(plan.SaidBy(err).Both())
	}
	return err
}

func (c *Codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	meta := func(name string) string { return string(p.GetMetadata()[name]) }
	id, namespace, workflow := meta(metaKey), meta(metaNamespace), meta(metaWorkflow)
	if here := *c.namespace.Load(); here != "" && namespace != here {
		return nil, &Unreadable{plan.Say("what lies in namespace %s of the engine was encrypted for namespace %s; it was put there by somebody else, or temporal.namespace is wrong",
			"エンジンの名前空間 %s にあるデータは、名前空間 %s 用に暗号化されたものです。誰かが移したか、temporal.namespace が誤っています", here, namespace)}
	}
	if !c.loose && !belongs(workflow, c.workflow) {
		return nil, &Unreadable{plan.Say("what lies in the history of %s was encrypted for %s; somebody moved it there: look who writes to the engine",
			"%s の履歴にあるデータは、%s 用に暗号化されたものです。誰かが移した可能性があります。エンジンに書き込める者を確認してください", c.workflow, workflow)}
	}
	key, ok := c.held.key(id)
	if !ok {
		return nil, &Missing{ID: id, Where: c.where(), Known: c.held.Ring().IDs()}
	}
	content, err := key.aead.Open(nil, nil, p.GetData(), bound(id, namespace, workflow))
	if err != nil {
		return nil, &Unreadable{plan.Say("what was encrypted with key %s can't be decrypted with the key of that name here: it was altered, or two keys have one name; compare the keyrings (`muster key list` shows fingerprints)",
			"鍵 %s で暗号化されたデータを、ここにある同名の鍵では復号できません。改変されたか、同じ名前の別の鍵があります。鍵束を照合してください（`muster key list` でフィンガープリントを確認できます）", id)}
	}
	if content, err = unpacked(content); err == nil {
		out := &commonpb.Payload{}
		if err = proto.Unmarshal(content, out); err == nil {
			return out, nil
		}
	}
	return nil, &Unreadable{plan.Say("what was encrypted with key %s is of a form that this version does not know (%v); use the newest muster in every process",
		"鍵 %s で暗号化されたデータの形式が、この版では扱えません（%v）。全プロセスを最新のmusterにしてください", id, err)}
}

func (c *Codec) where() string {
	if c.held == nil {
		return ""
	}
	return c.held.Where
}

// fired is what the engine puts behind a schedule's workflow ID when it starts one.
var fired = regexp.MustCompile(`^-\d{4}-\d\d-\d\dT[0-9:.]+Z$`)

// belongs reports whether what was encrypted for one workflow may be read in another's place:
// in its own, where the place is not known, and in one that a schedule started with it.
func belongs(workflow, here string) bool {
	if workflow == "" || here == "" || workflow == here {
		return true
	}
	rest, ok := strings.CutPrefix(here, workflow)
	return ok && fired.MatchString(rest)
}

// bound is the associated data: nothing in it can be changed without the key.
func bound(parts ...string) []byte {
	out := []byte("muster payload 1")
	for _, p := range parts {
		out = binary.AppendUvarint(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

func packed(content []byte) []byte {
	if len(content) >= zipFrom {
		if out := zipper.EncodeAll(content, []byte{zipped}); len(out) <= len(content) {
			return out
		}
	}
	return append([]byte{plain}, content...)
}

func unpacked(b []byte) ([]byte, error) {
	switch {
	case len(b) > 0 && b[0] == plain:
		return b[1:], nil
	case len(b) > 0 && b[0] == zipped:
		return unzipper.DecodeAll(b[1:], nil)
	}
	return nil, plan.Wrong("unknown packing", "不明な圧縮形式")
}
