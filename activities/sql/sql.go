// Package sql is the family of actions that ask or change a PostgreSQL database by
// statements of the runbook's own.
package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{query, execute} }

// connect bounds statements on the server's side by what is left of ctx, so that none
// goes on long after we gave up on it.
func connect(ctx context.Context, server pglink.Target, database string) (*pglink.Conn, error) {
	var left time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), time.Millisecond)
	}
	return pglink.Connect(ctx, server, database, left)
}

// textArgs are a statement's parameters as text, which the server reads as whatever
// type the statement needs there.
func textArgs(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case nil:
		case string:
			out[i] = a
		case float64:
			out[i] = strconv.FormatFloat(a, 'f', -1, 64)
		default:
			b, err := json.Marshal(a)
			if err != nil {
				return nil, err
			}
			out[i] = string(b)
		}
	}
	return out, nil
}

// read runs one statement and returns at most limit rows; more reports that there
// were others.
func read(ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, statement string, args []any, limit int) (found []map[string]any, more bool, err error) {
	texts, err := textArgs(args)
	if err != nil {
		return nil, false, err
	}
	options := []any{pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}
	rows, err := q.Query(ctx, statement, append(options, texts...)...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	found = []map[string]any{}
	for rows.Next() {
		if len(found) == limit {
			return found, true, nil
		}
		row := map[string]any{}
		for i, raw := range rows.RawValues() {
			row[rows.FieldDescriptions()[i].Name] = valueOf(rows.FieldDescriptions()[i].DataTypeOID, raw)
		}
		found = append(found, row)
	}
	return found, false, rows.Err()
}

// valueOf reads a value's text form. Numbers, truth values and JSON keep their type;
// everything else stays the text that psql would show.
func valueOf(oid uint32, raw []byte) any {
	if raw == nil {
		return nil
	}
	text := string(raw)
	switch oid {
	case pgtype.BoolOID:
		return text == "t"
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		if n := json.Number(text); json.Valid(raw) { // not NaN
			return n
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		if json.Valid(raw) {
			return json.RawMessage(text)
		}
	}
	return text
}

// judge turns the server's refusal of a statement into a finding: it looked at the
// statement and said no, so asking again is no use. Connections that break, and a
// server that is starting, stopping or full, can be asked again.
func judge(server string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	for _, class := range []string{"0A", "21", "22", "23", "25", "28", "3D", "3F", "42", "44", "P0"} {
		if strings.HasPrefix(pg.Code, class) {
			return activities.Finding("%s: %s (%s)", server, pg.Message, pg.Code)
		}
	}
	return fmt.Errorf("%s: %s (%s)", server, pg.Message, pg.Code)
}
