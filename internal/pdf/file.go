package pdf

import (
	"bufio"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/carlos7ags/folio/core"
)

// document adds pages, fonts, structure and outline. The catalog is object 1 and what the document
// says of itself object 2.
func (f *file) document(d *Doc) {
	catalog := dict("Type", name("Catalog"), "Lang", core.NewPdfTextString(d.o.Lang),
		"MarkInfo", dict("Marked", core.NewPdfBoolean(true)),
		"ViewerPreferences", dict("DisplayDocTitle", core.NewPdfBoolean(true)))
	f.add(catalog)
	info := dict("Title", core.NewPdfTextString(d.o.Title), "Creator", core.NewPdfTextString("muster"), "Producer", core.NewPdfTextString("muster"))
	if !d.o.At.IsZero() {
		info.Set("CreationDate", core.NewPdfLiteralString(d.o.At.UTC().Format("D:20060102150405Z")))
	}
	f.add(info)
	fonts := core.NewPdfDictionary()
	for i, face := range d.faces {
		fonts.Set(fmt.Sprintf("F%d", i+1), f.add(face.BuildObjects(f.add)))
	}
	resources := f.add(dict("Font", fonts))
	tree := dict("Type", name("Pages"), "Count", core.NewPdfInteger(len(d.pages)))
	treeRef := f.add(tree)
	kids, refs := core.NewPdfArray(), []*core.PdfIndirectReference{}
	for i, p := range d.pages {
		ref := f.add(dict("Type", name("Page"), "Parent", treeRef, "Resources", resources,
			"MediaBox", core.NewPdfArray(core.NewPdfInteger(0), core.NewPdfInteger(0), core.NewPdfReal(pageW), core.NewPdfReal(pageH)),
			"Contents", f.add(core.NewPdfStreamCompressed(p.s.Bytes())), "StructParents", core.NewPdfInteger(i), "Tabs", name("S")))
		kids.Add(ref)
		refs = append(refs, ref)
	}
	tree.Set("Kids", kids)
	catalog.Set("Pages", treeRef)
	catalog.Set("StructTreeRoot", f.structure(d, refs))
	if o := f.outline(d.marks, refs); o != nil {
		catalog.Set("Outlines", o)
		catalog.Set("PageMode", name("UseOutlines"))
	}
	meta := core.NewPdfStream([]byte(xmp(d.o)))
	meta.Dict.Set("Type", name("Metadata"))
	meta.Dict.Set("Subtype", name("XML"))
	catalog.Set("Metadata", f.add(meta))
}

// xmp says title and language again, in the form that archives read.
func xmp(o Options) string {
	text := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	return `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + text(o.Title) + `</rdf:li></rdf:Alt></dc:title>` +
		`<dc:language><rdf:Bag><rdf:li>` + text(o.Lang) + `</rdf:li></rdf:Bag></dc:language></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>`
}

// outline is the headings as bookmarks, two levels deep.
func (f *file) outline(marks []bookmark, pages []*core.PdfIndirectReference) *core.PdfIndirectReference {
	if len(marks) == 0 {
		return nil
	}
	root := dict("Type", name("Outlines"), "Count", core.NewPdfInteger(len(marks)))
	ref := f.add(root)
	var before *core.PdfDictionary
	var beforeRef *core.PdfIndirectReference
	for _, m := range marks {
		item := dict("Title", core.NewPdfTextString(m.title), "Parent", ref,
			"Dest", core.NewPdfArray(pages[m.page], name("XYZ"), core.NewPdfInteger(0), core.NewPdfReal(pageH-m.y+4), core.NewPdfNull()))
		itemRef := f.add(item)
		if before == nil {
			root.Set("First", itemRef)
		} else {
			before.Set("Next", itemRef)
			item.Set("Prev", beforeRef)
		}
		before, beforeRef = item, itemRef
	}
	root.Set("Last", beforeRef)
	return ref
}

// counted counts what was written.
type counted struct {
	w *bufio.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// write writes the objects with their table. The same document gives the same bytes.
func (f *file) write(w io.Writer, o Options) error {
	out := &counted{w: bufio.NewWriter(w)}
	sum := sha256.New()
	both := io.MultiWriter(out, sum)
	if _, err := io.WriteString(both, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"); err != nil {
		return err
	}
	at := make([]int64, len(f.objects))
	for i, obj := range f.objects {
		at[i] = out.n
		if _, err := fmt.Fprintf(both, "%d 0 obj\n", i+1); err != nil {
			return err
		}
		if _, err := obj.WriteTo(both); err != nil {
			return err
		}
		if _, err := io.WriteString(both, "\nendobj\n"); err != nil {
			return err
		}
	}
	table := out.n
	fmt.Fprintf(out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(out, "%010d 00000 n \n", n)
	}
	id := sum.Sum(nil)[:16]
	fmt.Fprintf(out, "trailer\n<< /Size %d /Root 1 0 R /Info 2 0 R /ID [<%x> <%x>] >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, id, id, table)
	return out.w.Flush()
}
