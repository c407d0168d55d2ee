package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Case is what a drill proves: requirements, and whether each pass criterion was met. It is
// judged apart from the objectives, so that a criterion may ask for a missed objective.
type Case struct {
	Requirements []string    `json:"requirements"`
	Verdict      run.Verdict `json:"verdict"` // the worst of its criteria
	Pass         []Pass      `json:"pass"`
}

// Pass is one criterion and what the record says of it.
type Pass struct {
	ID      string      `json:"id"`
	Text    plan.Text   `json:"text"`
	Expect  string      `json:"expect,omitempty"`
	Verdict run.Verdict `json:"verdict"`
	Why     plan.Text   `json:"why,omitzero"` // "" when it was met
	// Judged is who judged it, where the record can't.
	Judged *Entry `json:"judged,omitempty"`
	// Simulated names what the criterion rests on that was not real.
	Simulated []string `json:"simulated"`
	// Later is a goal that was set, or changed, after the run had begun: none of the run's own.
	Later bool `json:"later,omitempty"`
	// Remark says of a goal that whether it was set before the run began is not in the record, or that it was changed since.
	Remark plan.Text `json:"remark,omitzero"`
}

// PassScope is what pass criteria of a plan can see: its steps and systems by name, and the
// rest of the report. Times are seconds from the run's start.
func PassScope(p plan.Plan) *expr.Scope {
	var fields []expr.Field
	for _, v := range passVariables(p, nil) {
		fields = append(fields, expr.Field{Name: v.name, Shape: v.shape})
	}
	return expr.NewFacts(fields)
}

// passStep is a step as criteria see it.
type passStep struct {
	Step
	Output json.RawMessage `json:"output"`
}

type passVariable struct {
	name  string
	shape expr.Shape
	value any
}

// passVariables declares what criteria see and, with the facts of a run, gives the values.
// Everything that the plan holds has a value: a step that was never begun has no outcome.
func passVariables(p plan.Plan, of *passFacts) []passVariable {
	out := []passVariable{
		plainVariable("run", of, func(r Report) Run { return r.Run }),
		plainVariable("timeline", of, func(r Report) []Phase { return r.Phases }),
		plainVariable("people", of, func(r Report) People { return r.People }),
		plainVariable("decisions", of, func(r Report) []Decision { return r.Decisions }),
		plainVariable("approvals", of, func(r Report) []Approval { return r.Approvals }),
		plainVariable("findings", of, func(r Report) []Finding { return r.Findings }),
		plainVariable("assessments", of, func(r Report) []Assessment { return r.Assessments }),
		plainVariable("inspections", of, func(r Report) []Inspection { return r.Inspections }),
		plainVariable("notes", of, func(r Report) []Note { return r.Notes }),
		plainVariable("undone", of, func(r Report) []Step { return r.Undone }),
		plainVariable("probes", of, func(r Report) []Probe { return r.Probes }),
	}
	systems, phases, injects := named("systems"), named("phases"), named("injects")
	for _, s := range p.Systems {
		systems.add(of, s.Name, System{}, func() any {
			for _, x := range of.report.Systems {
				if x.ID == s.Name {
					return x
				}
			}
			return System{}
		})
	}
	for _, id := range p.Scenario.Phases {
		phases.add(of, string(id), Phase{}, func() any {
			for _, x := range of.report.Phases {
				if x.ID == id {
					return x
				}
			}
			return Phase{ID: id}
		})
	}
	for _, s := range p.Scenario.Injects {
		injects.add(of, s.ID, passStep{}, func() any { return of.step("", s.ID) })
	}
	times := map[string]int{}
	for _, rb := range p.Runbooks {
		for _, s := range rb.Steps {
			times[s.ID]++
		}
	}
	steps, books := named("steps"), named("runbooks")
	for _, rb := range p.Runbooks {
		book := named(rb.Name)
		for _, s := range rb.Steps {
			value := func() any { return of.step(rb.Name, s.ID) }
			book.add(of, s.ID, passStep{}, value)
			if times[s.ID] == 1 { // else it must be said which one is meant
				steps.add(of, s.ID, passStep{}, value)
			}
		}
		books.shape.Fields = append(books.shape.Fields, expr.Field{Name: rb.Name, Shape: book.shape})
		books.values[rb.Name] = book.values
	}
	for _, n := range []*namedVariable{systems, phases, injects, steps, books} {
		out = append(out, passVariable{n.name, n.shape, n.values})
	}
	return out
}

type namedVariable struct {
	name   string
	shape  expr.Shape
	values map[string]any
}

func named(name string) *namedVariable {
	return &namedVariable{name, expr.Shape{Kind: expr.Object}, map[string]any{}}
}

func (n *namedVariable) add(of *passFacts, name string, like any, value func() any) {
	n.shape.Fields = append(n.shape.Fields, expr.Field{Name: name, Shape: shapeOf(reflect.TypeOf(like))})
	if of != nil {
		n.values[name] = of.plain(reflect.ValueOf(value()))
	}
}

func plainVariable[T any](name string, of *passFacts, value func(Report) T) passVariable {
	v := passVariable{name: name, shape: shapeOf(reflect.TypeFor[T]())}
	if of != nil {
		v.value = of.plain(reflect.ValueOf(value(of.report)))
	}
	return v
}

// passFacts is a finished run as criteria see it.
type passFacts struct {
	*facts
	report Report
}

// step is the last occurrence of a step.
func (f *passFacts) step(runbook, id string) passStep {
	for _, s := range slices.Backward(f.steps) {
		if s.Step.ID == id && s.Runbook == runbook {
			return passStep{s.Step, s.result.Output}
		}
	}
	return passStep{Step: Step{ID: id, Runbook: runbook}}
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
	spanType = reflect.TypeFor[run.Duration]()
)

func shapeOf(t reflect.Type) expr.Shape {
	switch {
	case t == timeType:
		return expr.Shape{Kind: expr.Number}
	case t == rawType:
		return expr.Shape{Kind: expr.Any}
	case t == spanType:
		return expr.Shape{Kind: expr.Text}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.String:
		return expr.Shape{Kind: expr.Text}
	case reflect.Bool:
		return expr.Shape{Kind: expr.Truth}
	case reflect.Float64:
		return expr.Shape{Kind: expr.Number}
	case reflect.Int, reflect.Int64:
		return expr.Shape{Kind: expr.Whole}
	case reflect.Slice, reflect.Map:
		elem := shapeOf(t.Elem())
		kind := expr.List
		if t.Kind() == reflect.Map {
			kind = expr.Map
		}
		return expr.Shape{Kind: kind, Elem: &elem}
	case reflect.Struct:
		out := expr.Shape{Kind: expr.Object}
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				out.Fields = append(out.Fields, shapeOf(f.Type).Fields...)
			} else if name := jsonName(f); name != "" {
				out.Fields = append(out.Fields, expr.Field{Name: name, Shape: shapeOf(f.Type)})
			}
		}
		return out
	}
	return expr.Shape{Kind: expr.Any}
}

// plain makes a value of the report one that CEL knows. Nothing is left out when empty, as
// JSON does, so that a criterion that was checked finds every field.
func (f *passFacts) plain(v reflect.Value) any {
	switch {
	case v.Type() == timeType:
		t := v.Interface().(time.Time)
		if t.IsZero() {
			return nil
		}
		return round(t.Sub(f.report.Run.StartedAt).Seconds())
	case v.Type() == rawType:
		var out any
		d := json.NewDecoder(bytes.NewReader(v.Bytes()))
		d.UseNumber()
		if d.Decode(&out) != nil {
			return nil
		}
		return out
	case v.Type() == spanType:
		return v.Interface().(run.Duration).String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return f.plain(v.Elem())
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = f.plain(v.Index(i))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			out[it.Key().String()] = f.plain(it.Value())
		}
		return out
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Anonymous {
				for k, x := range f.plain(v.Field(i)).(map[string]any) {
					out[k] = x
				}
			} else if name := jsonName(field); name != "" {
				out[name] = f.plain(v.Field(i))
			}
		}
		return out
	}
	return v.Interface()
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.IsExported() || name == "-" {
		return ""
	}
	return name
}

// passed judges the criteria of a drill; nil when its scenario proves nothing by name.
func (f *facts) passed(r Report) *Case {
	s := f.plan.Scenario
	if len(s.Pass) == 0 {
		return nil
	}
	of := &passFacts{f, r}
	vars := map[string]any{}
	for _, v := range passVariables(f.plan, of) {
		vars[v.name] = v.value
	}
	scope := PassScope(f.plan)
	c := &Case{Requirements: append([]string{}, s.Requirements...), Pass: []Pass{}}
	var all []run.Verdict
	for _, x := range s.Pass {
		p := Pass{ID: x.ID, Text: x.Text, Expect: x.Expect, Simulated: []string{}}
		if checked, err := scope.Check(x.Expect); err == nil {
			p.Simulated = of.simulated(checked.Reads)
		}
		p.Verdict, p.Why = f.judge(x, vars)
		all = append(all, p.Verdict)
		c.Pass = append(c.Pass, p)
	}
	if len(s.Requirements) > 0 {
		for _, p := range of.everyPass() {
			all = append(all, p.Verdict)
			c.Pass = append(c.Pass, p)
		}
	}
	c.Verdict = run.Worst(all...)
	return c
}

func (f *facts) judge(x plan.Criterion, vars map[string]any) (run.Verdict, plan.Text) {
	switch {
	case x.Expect == "":
		return run.NotProven, x.Cannot
	case f.ended.IsZero():
		return run.NotProven, say("the run goes on", "実施中")
	}
	switch ok, err := expr.Bool(x.Expect, vars); {
	case err != nil:
		return run.NotProven, say("the record does not tell: %s", "記録から判定できない：%s", err.Error())
	case !ok:
		return run.Missed, say("the record says otherwise", "記録と一致しない")
	}
	return run.Met, plan.Text{}
}

// passSection tells the criteria.
func (d *document) passSection() section {
	c := d.report.Case
	if c == nil {
		return section{}
	}
	s := section{ID: "pass", Title: say("Requirements and pass criteria", "要件と合格基準")}
	w := verdictWord(c.Verdict)
	s.Lead = []plan.Text{say("%[1]s: %[2]s", "%[1]s：%[3]s", strings.Join(c.Requirements, ", "), w.EN, w.JA)}
	if len(c.Requirements) == 0 {
		s.Title, s.Lead = say("Pass criteria", "合格基準"), []plan.Text{say("All together: %[1]s", "全体：%[2]s", w.EN, w.JA)}
	}
	t := table{Brief: true, Head: []plan.Text{say("Criterion", "基準"), say("Verdict", "判定"), say("Why", "理由"), say("Rests on simulation of", "模擬に依拠")}}
	for _, p := range c.Pass {
		t.Rows = append(t.Rows, []cell{tell(p.Text), verdictCell(p.Verdict), tell(p.Why), name(strings.Join(p.Simulated, ", "))})
	}
	s.Tables = []table{t}
	return s
}
