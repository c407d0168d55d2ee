package report

import "github.com/muster-dr/muster/internal/sheet"

// The words of a report's pages, as internal/sheet has them.
type (
	section = sheet.Section
	table   = sheet.Table
	cell    = sheet.Cell
	tiles   = sheet.Tiles
	tile    = sheet.Tile
	drawing = sheet.Drawing
	scale   = sheet.Scale
	flags   = sheet.Flags
	span    = sheet.Span
)

var (
	say         = sheet.Say
	plain       = sheet.Plain
	tell        = sheet.Tell
	timeCell    = sheet.Time
	figureCell  = sheet.Number
	verdictCell = sheet.VerdictCell
	verdictWord = sheet.VerdictWord
	spanOr      = sheet.SpanOr
	after       = sheet.After
	num         = sheet.Num
	wide        = sheet.Wide
	dash        = sheet.Dash
)

func name(s string) cell { return tell(plain(s)) }
