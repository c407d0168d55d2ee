package keyring

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/plan"
)

func ringOf(t testing.TB, active string, ids ...string) Ring {
	t.Helper()
	r := Ring{Active: active}
	for _, id := range ids {
		k, err := New(id)
		if err != nil {
			t.Fatal(err)
		}
		r.Keys = append(r.Keys, k)
	}
	return r
}

func hold(t testing.TB, text *string) *Held {
	t.Helper()
	h, err := Open(context.Background(), "secret://file/keys", func(context.Context) (string, error) {
		if *text == "" {
			return "", errors.New("the vault is sealed")
		}
		return *text, nil
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func in(c *Codec, workflow string) converter.DataConverter {
	d, _ := c.Converters()
	return converter.WithDataConverterSerializationContext(d, converter.WorkflowSerializationContext{Namespace: "whatever", WorkflowID: workflow})
}

func TestKeyringsAreRead(t *testing.T) {
	want := ringOf(t, "b", "a", "b")
	got, err := Parse(want.Text())
	if err != nil || got.Active != "b" || strings.Join(got.IDs(), " ") != "a b" || got.Text() != want.Text() {
		t.Fatalf("%v %v", got.IDs(), err)
	}
	key := strings.Fields(want.Text()[strings.Index(want.Text(), "key a"):])[2]
	for text, say := range map[string]string{
		"":                                   "no key in it",
		"active a\n":                         "no key in it",
		"key a " + key:                       "which key is active",
		"active c\nkey a " + key:             "key c is to be active and is not there; its keys: a",
		"active a\nkey a " + key + "x":       "line 2: key a is not 32 bytes",
		"active a\nkey a " + key[:40] + "\n": "line 2: key a is not 32 bytes",
		"active a\nkey a":                    "line 2 is neither",
		"active a\nkey a/b " + key:           `"a/b" is no name`,
		"active a\nactive a\nkey a " + key:   "line 2: a second active",
		"active a\nkey a " + key + "\nkey a " + key: "line 3: key a is there twice",
		key: "line 1 is neither",
	} {
		_, err := Parse(text)
		said := plan.SaidBy(err)
		if err == nil || !strings.Contains(said.EN, say) || said.JA == said.EN {
			t.Errorf("%q: %v, want %q, in Japanese too", text, said, say)
		}
		if err != nil && strings.Contains(said.Both(), key[:20]) {
			t.Errorf("the error gives the key away: %v", said)
		}
	}
}

// Whatever is encrypted comes back the same, and shows nothing of what it is.
func TestWhatIsEncryptedComesBack(t *testing.T) {
	text := ringOf(t, "k1", "k1").Text()
	c := NewCodec(hold(t, &text), "muster")
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		w := rapid.SampledFrom([]string{"", "run-1", "run-1:orders"}).Draw(t, "workflow")
		p, err := in(c, w).ToPayload(v)
		if err != nil || string(p.Metadata["encoding"]) != Encoding {
			t.Fatalf("%v %v", p, err)
		}
		if len(v) > 8 && bytes.Contains(p.Data, v) {
			t.Fatal("it is in clear")
		}
		var got []byte
		if err := in(c, w).FromPayload(p, &got); err != nil || !bytes.Equal(got, v) {
			t.Fatalf("%q became %q (%v)", v, got, err)
		}
	})
	long := strings.Repeat("what everybody says, ", 500)
	p, err := in(c, "").ToPayload(long)
	if err != nil || len(p.Data) > 500 {
		t.Errorf("%d bytes became %d: not compressed (%v)", len(long), len(p.Data), err)
	}
	var got string
	if err := in(c, "").FromPayload(p, &got); err != nil || got != long {
		t.Error(err)
	}
}

// A payload is bound to its workflow, namespace and key: altered or moved, it is refused.
func TestWhatWasAlteredOrMovedIsRefused(t *testing.T) {
	text := ringOf(t, "k1", "k1", "k2").Text()
	c := NewCodec(hold(t, &text), "muster")
	p, err := in(c, "run-1").ToPayload("secret words")
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*commonpb.Payload)) *commonpb.Payload {
		q := proto.Clone(p).(*commonpb.Payload)
		f(q)
		return q
	}
	for name, q := range map[string]*commonpb.Payload{
		"data":      change(func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 }),
		"nonce":     change(func(p *commonpb.Payload) { p.Data[0] ^= 1 }),
		"cut":       change(func(p *commonpb.Payload) { p.Data = p.Data[:5] }),
		"empty":     change(func(p *commonpb.Payload) { p.Data = nil }),
		"key":       change(func(p *commonpb.Payload) { p.Metadata[metaKey] = []byte("k2") }),
		"workflow":  change(func(p *commonpb.Payload) { p.Metadata[metaWorkflow] = nil }),
		"namespace": change(func(p *commonpb.Payload) { p.Metadata[metaNamespace] = []byte("other") }),
		"both borders": change(func(p *commonpb.Payload) {
			p.Metadata[metaNamespace], p.Metadata[metaWorkflow] = []byte("musterr"), []byte("un-1")
		}),
		"its namespace": change(func(p *commonpb.Payload) { delete(p.Metadata, metaNamespace) }),
	} {
		var got string
		if err := in(c, "run-1").FromPayload(q, &got); err == nil {
			t.Errorf("%s: read %q", name, got)
		} else if said := plan.SaidBy(err); said.EN == said.JA {
			t.Errorf("%s: %v is in one language", name, said)
		}
	}
	var got string
	for workflow, may := range map[string]bool{"run-1": true, "": true, "run-2": false, "run-1-2026-11-29T03:00:00Z": true, "run-1-b": false, "run-1:orders": false} {
		if err := in(c, workflow).FromPayload(p, &got); (err == nil) != may {
			t.Errorf("in the place of %q: %v, want read %v", workflow, err, may)
		}
	}
	if err := in(NewCodec(c.held, "other"), "run-1").FromPayload(p, &got); err == nil || !strings.Contains(err.Error(), "temporal.namespace") {
		t.Errorf("in another namespace: %v", err)
	}
}

// What was written before there were keys is read; and without keys, what is encrypted is
// refused by name.
func TestHistoriesMayBeMixed(t *testing.T) {
	text := ringOf(t, "2026", "2026").Text()
	with, without := NewCodec(hold(t, &text), ""), NewCodec(nil, "")
	var got string
	p, err := in(without, "w").ToPayload("in clear")
	if err != nil || string(p.Metadata["encoding"]) != "json/plain" {
		t.Fatalf("%v %v", p, err)
	}
	if err := in(with, "w").FromPayload(p, &got); err != nil || got != "in clear" {
		t.Errorf("%q %v", got, err)
	}
	if p, err = in(with, "w").ToPayload("encrypted"); err != nil {
		t.Fatal(err)
	}
	err = in(without, "w").FromPayload(p, &got)
	if missing := new(Missing); !errors.As(err, &missing) || missing.ID != "2026" || !strings.Contains(missing.Said().JA, "encryption.keyring") {
		t.Errorf("without keys: %v", err)
	}
}

// A key that others made active is found in the keyring without a restart, an old one still
// decrypts, and trouble with the keyring takes away no key.
func TestAKeyringIsReadAgain(t *testing.T) {
	first := ringOf(t, "k1", "k1")
	second := Ring{Active: "k2", Keys: append(ringOf(t, "k2", "k2").Keys, first.Keys...)}
	mine, theirs := first.Text(), second.Text()
	here := NewCodec(hold(t, &mine), "")
	there := NewCodec(hold(t, &theirs), "")
	p, err := in(there, "w").ToPayload("new")
	if err != nil || string(p.Metadata[metaKey]) != "k2" {
		t.Fatalf("%v %v", p, err)
	}
	var got string
	err = in(here, "w").FromPayload(p, &got)
	if missing := new(Missing); !errors.As(err, &missing) || missing.ID != "k2" || strings.Join(missing.Known, "") != "k1" {
		t.Fatalf("%v", err)
	}
	mine = second.Text()
	if err := in(here, "w").FromPayload(p, &got); err != nil || got != "new" {
		t.Errorf("the moment after: %q %v", got, err)
	}
	if p, err = in(here, "w").ToPayload("x"); err != nil || string(p.Metadata[metaKey]) != "k2" {
		t.Errorf("encrypts with %s, want the key that is active now (%v)", p.Metadata[metaKey], err)
	}
	mine = ""
	here.held.refresh(0)
	if err := in(here, "w").FromPayload(p, &got); err != nil {
		t.Errorf("while the keyring can't be read: %v", err)
	}
}
