package report

import "slices"

// WithoutIndividuals is the report for a reader who may not see how each of the others is
// (requirement P-PII): totals, and of the lists what is about the reader. It says so in
// People.Withheld and leaves the report that it was given as it is.
func WithoutIndividuals(r Report, reader string) Report {
	mine := func(ids ...string) bool { return reader != "" && slices.Contains(ids, reader) }
	p := &r.People
	p.Withheld = true
	p.List = slices.DeleteFunc(slices.Clone(p.List), func(m PersonRecord) bool { return !mine(m.ID) })
	if p.List == nil {
		p.List = []PersonRecord{}
	}
	p.Absent = slices.DeleteFunc(slices.Clone(p.Absent), func(a AbsentPerson) bool { return !mine(a.ID) })
	p.StandIns = slices.DeleteFunc(slices.Clone(p.StandIns), func(s StandIn) bool { return !mine(s.ID, s.For) })
	r.Acks = slices.Clone(r.Acks)
	for i := range r.Acks {
		a := &r.Acks[i]
		a.List = slices.DeleteFunc(slices.Clone(a.List), func(x AckRecord) bool { return !mine(x.Person) })
	}
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.names {
			f.Detail, f.DetailJA = "", ""
		}
		if f.without.EN != "" {
			f.Title, f.TitleJA = f.without.EN, f.without.JA
		}
	}
	return r
}
