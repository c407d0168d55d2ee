package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	proof "github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/report"
)

// writeReports writes the run's report in every format and returns it.
func (d *demo) writeReports(ctx context.Context, id string) (report.Report, error) {
	var rep report.Report
	for _, f := range []struct{ format, name string }{
		{"json", ReportJSON}, {"html", ReportHTML}, {"markdown", ReportMarkdown}, {"text", ReportText},
	} {
		b, err := d.client.Report(ctx, id, f.format, string(d.Lang))
		if err != nil {
			return rep, explain(ctx, d.Lang.T("read the report", "報告書の取得"), err)
		}
		if err := os.WriteFile(d.path(f.name), b, 0o644); err != nil {
			return rep, err
		}
		if f.format == "json" {
			if err := json.Unmarshal(b, &rep); err != nil {
				return rep, fmt.Errorf("%s: %w", d.Lang.T("the report is not understood", "報告書を解釈できません"), err)
			}
		}
	}
	return rep, nil
}

// writeEvidence writes the run's bundle and the public key. They lie side by side here; an
// auditor is given the key on another way.
func (d *demo) writeEvidence(ctx context.Context, id string) error {
	b, err := d.client.Bundle(ctx, id, proof.BundleOptions{})
	if err != nil {
		return explain(ctx, d.Lang.T("take the evidence", "証拠の取得"), err)
	}
	public, _, err := proof.PublicKey(d.seal())
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(d.path(Bundle), b, 0o644), os.WriteFile(d.path(BundleKey), []byte(public+"\n"), 0o644))
}
