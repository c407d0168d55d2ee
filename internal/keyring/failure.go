package keyring

import (
	"errors"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
)

// Missing says that a process has not the key that something was encrypted with.
type Missing struct {
	ID    string   // the key's name
	Where string   // the process's keyring; "" is none
	Known []string // the keys that it has
}

func (m *Missing) Error() string { return m.Said().EN }

// Said is what is missing and the way out.
func (m *Missing) Said() plan.Text {
	if m.Where == "" {
		return plan.Say("this is encrypted with key %s, and this process has no keys; nothing was begun, and nothing is lost: set encryption.keyring to the keyring that the other processes use, and start it again",
			"鍵 %s で暗号化されていますが、このプロセスには鍵がありません。何も開始しておらず、失われたものもありません。encryption.keyring に他のプロセスと同じ鍵束を設定し、再起動してください", m.ID)
	}
	return plan.Say("this is encrypted with key %s, which is not in the keyring %s (it has %s); nothing was begun, and nothing is lost: put the key there and try again; no restart is needed",
		"鍵 %s で暗号化されていますが、鍵束 %s にありません（ある鍵: %s）。何も開始しておらず、失われたものもありません。鍵を追加して、もう一度試してください（再起動は不要です）", m.ID, m.Where, strings.Join(m.Known, ", "))
}

// Unreadable says that something was altered, moved, or made by a newer version.
type Unreadable struct{ Text plan.Text }

func (u *Unreadable) Error() string   { return u.Text.EN }
func (u *Unreadable) Said() plan.Text { return u.Text }

// Failures turns errors into what the engine keeps of them, messages and stack traces
// encrypted with the rest, and back.
type Failures struct {
	codec *Codec
	data  converter.DataConverter
}

// Converters are what a client is made with.
func (c *Codec) Converters() (converter.DataConverter, converter.FailureConverter) {
	// A failure goes from workflow to workflow as it is, so it may be read in others' places.
	loose := *c
	loose.loose = true
	return c.Data(), &Failures{codec: &loose, data: loose.Data()}
}

// Data is the converter of values.
func (c *Codec) Data() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
}

// WithSerializationContext binds it to the workflow that the failures belong to.
func (f *Failures) WithSerializationContext(ctx converter.SerializationContext) converter.FailureConverter {
	return &Failures{codec: f.codec.WithSerializationContext(ctx).(*Codec), data: converter.WithDataConverterSerializationContext(f.data, ctx)}
}

func (f *Failures) converter() converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: f.data, EncodeCommonAttributes: f.codec.Encrypts()})
}

// ErrorToFailure refuses, in the words of a refusal, what can't be read: the SDK asks before
// an activity begins, so nothing was.
func (f *Failures) ErrorToFailure(err error) *failurepb.Failure {
	missing, unreadable := new(Missing), new(Unreadable)
	var why plan.Text
	switch {
	case errors.As(err, &missing):
		why = missing.Said()
	case errors.As(err, &unreadable):
		why = unreadable.Said()
	default:
		return f.converter().ErrorToFailure(err)
	}
	// In clear: whoever reads it may lack keys as well.
	return temporal.GetDefaultFailureConverter().ErrorToFailure(temporal.NewApplicationError(why.Both(), plan.ErrRefused))
}

// FailureToError says why a message can't be read where it can't.
func (f *Failures) FailureToError(failure *failurepb.Failure) error {
	for at := failure; at != nil; at = at.GetCause() {
		if sealed := at.GetEncodedAttributes(); sealed != nil {
			if _, err := f.codec.Decode([]*commonpb.Payload{sealed}); err != nil {
				at.Message = plan.SaidBy(err).Both()
			}
		}
	}
	return f.converter().FailureToError(failure)
}
