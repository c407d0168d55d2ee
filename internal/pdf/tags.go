package pdf

import (
	"github.com/carlos7ags/folio/core"
)

// node is an element of the document's structure: what a screen reader walks.
type node struct {
	tag, lang, alt string
	scope          string // of a TH: Column or Row
	span           int    // of a cell: how many columns
	box            *[4]float64
	kids           []kid
}

// kid is another element, or a piece of a page.
type kid struct {
	node       *node
	page, mcid int
}

func (n *node) child(tag string) *node {
	c := &node{tag: tag}
	n.kids = append(n.kids, kid{node: c})
	return c
}

// mark draws what belongs to an element.
func (d *Doc) mark(n *node, draw func()) {
	p := d.on()
	id := len(p.owners)
	p.owners = append(p.owners, n)
	n.kids = append(n.kids, kid{page: len(d.pages) - 1, mcid: id})
	p.s.BeginMarkedContentWithID(n.tag, id)
	draw()
	p.s.EndMarkedContent()
}

// artifact draws what says nothing: lines, grounds, what is repeated on every page.
func (d *Doc) artifact(draw func()) {
	p := d.on()
	p.s.BeginMarkedContent("Artifact")
	draw()
	p.s.EndMarkedContent()
}

// Within sets what draw sets as parts of one element, such as Sect.
func (d *Doc) Within(tag string, draw func()) {
	was := d.parent
	d.parent = was.child(tag)
	draw()
	d.parent = was
}

// structure adds the tree to the file; pages are the pages' objects.
func (f *file) structure(d *Doc, pages []*core.PdfIndirectReference) *core.PdfIndirectReference {
	root := dict("Type", name("StructTreeRoot"))
	ref := f.add(root)
	refs := map[*node]*core.PdfIndirectReference{}
	root.Set("K", f.element(d.root, ref, pages, refs))
	nums := core.NewPdfArray()
	for i, p := range d.pages {
		owners := core.NewPdfArray()
		for _, n := range p.owners {
			owners.Add(refs[n])
		}
		nums.Add(core.NewPdfInteger(i))
		nums.Add(f.add(owners))
	}
	root.Set("ParentTree", f.add(dict("Nums", nums)))
	root.Set("ParentTreeNextKey", core.NewPdfInteger(len(d.pages)))
	return ref
}

func (f *file) element(n *node, parent *core.PdfIndirectReference, pages []*core.PdfIndirectReference, refs map[*node]*core.PdfIndirectReference) *core.PdfIndirectReference {
	e := dict("Type", name("StructElem"), "S", name(n.tag), "P", parent)
	ref := f.add(e)
	refs[n] = ref
	if n.lang != "" {
		e.Set("Lang", core.NewPdfTextString(n.lang))
	}
	if n.alt != "" {
		e.Set("Alt", core.NewPdfTextString(n.alt))
	}
	switch {
	case n.scope != "" && n.span > 1:
		e.Set("A", dict("O", name("Table"), "Scope", name(n.scope), "ColSpan", core.NewPdfInteger(n.span)))
	case n.scope != "":
		e.Set("A", dict("O", name("Table"), "Scope", name(n.scope)))
	case n.box != nil:
		box := core.NewPdfArray()
		for _, v := range n.box {
			box.Add(core.NewPdfReal(v))
		}
		e.Set("A", dict("O", name("Layout"), "BBox", box, "Placement", name("Block")))
	}
	kids := core.NewPdfArray()
	for _, k := range n.kids {
		if k.node != nil {
			if len(k.node.kids) > 0 || k.node.tag == "TD" { // an empty cell is one too
				kids.Add(f.element(k.node, ref, pages, refs))
			}
			continue
		}
		kids.Add(dict("Type", name("MCR"), "Pg", pages[k.page], "MCID", core.NewPdfInteger(k.mcid)))
	}
	e.Set("K", kids)
	return ref
}

func name(s string) *core.PdfName { return core.NewPdfName(s) }

// dict makes a dictionary of keys and values by turns.
func dict(pairs ...any) *core.PdfDictionary {
	d := core.NewPdfDictionary()
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Set(pairs[i].(string), pairs[i+1].(core.PdfObject))
	}
	return d
}
