package cli

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// TestRecordsFollowTheirSchema: a record of the least run there can be follows the schema that is
// published, and one without its run does not.
func TestRecordsFollowTheirSchema(t *testing.T) {
	var out bytes.Buffer
	if err := (&command{Stdio: Stdio{Out: &out}}).recordSchema(); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("record.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("record.json")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)
	r, err := report.Build(plan.Plan{}, []run.Event{{Run: "drl-1", Writer: "run", Seq: 1, Kind: run.RunStarted, At: at, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill})}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.WriteRecord(&b, plan.Plan{}, r); err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(b.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(record); err != nil {
		t.Errorf("%v", err)
	}
	delete(record["identity"].(map[string]any), "run")
	if schema.Validate(record) == nil {
		t.Error("a record without its run follows the schema")
	}
}
