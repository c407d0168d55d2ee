package scenario

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
)

func compiledSchemas(t *testing.T, r *activities.Registry) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, kind := range Kinds() {
		b, err := Schema(kind, r, "en")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(kind+".json", doc); err != nil {
			t.Fatal(err)
		}
		if out[kind], err = c.Compile(kind + ".json"); err != nil {
			t.Fatalf("the schema of %s is no schema: %v", kind, err)
		}
	}
	return out
}

// validate judges a YAML file as an editor does.
func validate(t *testing.T, schemas map[string]*jsonschema.Schema, data []byte) error {
	t.Helper()
	var v any
	if err := yaml.Load(data, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	kind, _ := v.(map[string]any)["kind"].(string)
	return schemas[kind].Validate(v)
}

func TestSchemasTakeGoodFiles(t *testing.T) {
	schemas := compiledSchemas(t, all.Registry(all.Options{}))
	for name, data := range shipped(t) {
		if err := validate(t, schemas, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	schemas = compiledSchemas(t, catalog())
	for name, data := range base(t) {
		if err := validate(t, schemas, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a schema can know without reading other files, it must say.
func TestSchemasRefuseWrongFiles(t *testing.T) {
	schemas := compiledSchemas(t, catalog())
	for _, name := range []string{"estate_unknown_field", "estate_telephone", "estate_target_kind", "estate_target_field", "estate_target_enum",
		"estate_secret_literal", "estate_probe_is_step", "estate_objectives", "estate_single_writer_acts", "estate_missing_fields", "estate_names",
		"runbook_unknown_action", "runbook_parameters", "runbook_missing_parameter", "runbook_shell", "runbook_time_unquoted", "runbook_undo", "runbook_probe_as_step",
		"scenario_hazard", "scenario_decision", "scenario_inject", "scenario_phases", "scenario_people", "scenario_waits", "scenario_schedule", "programme", "people", "estate_muster"} {
		data, err := os.ReadFile("testdata/wrong/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schemas, data); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
	for _, lines := range []string{"absent: [suzuki, {random: 1, of: operator}]\nsafety: {remind: [1m, 5m]}\n", "absent: {random: 1}\nsafety: {remind: 1m}\n"} {
		if err := validate(t, schemas, with(t, base(t), "scenario.yaml", lines)["scenario.yaml"]); err != nil {
			t.Errorf("%s: %v", lines, err)
		}
	}
	if _, err := Schema("Runbok", catalog(), "en"); err == nil {
		t.Error("a schema of an unknown kind")
	}
}

// Fields that are right one by one and wrong together are told with the files, not by the
// first step that uses the target.
func TestTargetsThatCannotBeActedOn(t *testing.T) {
	files := Sources{"estate.yaml": []byte(`kind: Estate
name: small
control: osaka
sites: [{name: osaka}]
targets:
  - {name: orders, kind: process, site: osaka, pid_file: /run/orders.pid}
  - {name: web, kind: unit, site: osaka, unit: nginx}
systems: [{name: orders, home: osaka}]
people: [{id: sato, name: Sato, roles: [commander]}]
`)}
	_, mistakes := LoadSources(all.Registry(all.Options{}), files)
	for _, want := range []string{
		"estate.yaml:6:5: target orders: pid_file proves nothing by itself; say with executable",
		`estate.yaml:7:5: target web: "nginx" is no full name of a unit; write it with its ending, such as nginx.service`,
	} {
		if !strings.Contains(mistakes.Error(), want) {
			t.Errorf("the mistakes do not say %q:\n%s", want, mistakes.Error())
		}
	}
}
