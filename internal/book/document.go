// Package book makes what people use when all else is dark: carry cards, and the book with
// contacts, muster places and the runbooks as checklists, as HTML for A4 and as PDF. It is
// made from the plan files alone and needs no server.
package book

// Format is what a document is written as.
type Format string

const (
	HTML Format = "html"
	PDF  Format = "pdf"
)

// Document is a document before it has pages.
type Document struct {
	Lang  string // "en" or "ja"
	Title string
	Under string // beneath the title
	// Stamp stands on every page: of which files, and when.
	Stamp string
	Class string // who may have it
	Parts []Part
}

// Part is a chapter.
type Part struct {
	ID     string
	Title  string
	Blocks []Block
}

// Kind is the form of a block.
type Kind string

const (
	Heading Kind = "heading"
	Para    Kind = "para"
	Note    Kind = "note"  // what must not be overlooked
	List    Kind = "list"  // Items, numbered
	Table   Kind = "table" // Head, Rows
	Step    Kind = "step"  // a step to be done and ticked off
)

// Block is a piece of a part. Which fields count follows from its kind.
type Block struct {
	Kind  Kind
	Text  string
	Items []string
	Head  []string
	Rows  [][]string
	// Widths are the shares of the columns.
	Widths []float64
	// Tall rows have room for handwriting.
	Tall bool

	No   string   // of a step
	Who  string   // who does it
	Meta []string // when, how long, how bad
	Code []string // exactly what is run or asked for
}

func heading(text string) Block { return Block{Kind: Heading, Text: text} }
func para(text string) Block    { return Block{Kind: Para, Text: text} }
func note(text string) Block    { return Block{Kind: Note, Text: text} }
func list(items ...string) Block {
	return Block{Kind: List, Items: items}
}

// blanks are rows to be filled by hand.
func blanks(n int, head []string, widths ...float64) Block {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = make([]string, len(head))
	}
	return Block{Kind: Table, Head: head, Rows: rows, Widths: widths, Tall: true}
}
