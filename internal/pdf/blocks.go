package pdf

// Heading sets a heading with a note in small letters behind it. It stays with as much of what
// follows as keep says.
func (d *Doc) Heading(level int, text, note string, keep float64) {
	sizes := []float64{0, 17, 12, 10}
	size := sizes[min(level, 3)]
	if level > 1 {
		d.Gap(size * 0.9)
	}
	lines := d.lines(Bold, size, Width, text)
	d.Room(size*leading*float64(len(lines)) + max(90, min(keep, (pageH-top-bottom)*0.9)))
	d.marks = append(d.marks, bookmark{title: text, level: level, page: len(d.pages) - 1, y: d.y})
	n := d.parent.child([]string{"", "H1", "H2", "H3"}[min(level, 3)])
	for i, line := range lines {
		d.mark(n, func() {
			d.put(left, d.y, Bold, size, black, line)
			if i == len(lines)-1 && note != "" {
				x := left + d.Measure(Bold, size, line) + 6
				if x+d.Measure(Regular, size*0.7, note) <= left+Width {
					d.put(x, d.y+size*0.26, Regular, size*0.7, soft, note)
				}
			}
		})
		d.y += size * leading
	}
	if level == 2 {
		d.artifact(func() { d.rule(grey, 0.7, left, d.y, left+Width, d.y) })
		d.y += 4
	}
}

// Style is how a paragraph looks.
type Style struct {
	Size float64
	Bold bool
	Soft bool
}

func (s Style) face() Face {
	if s.Bold {
		return Bold
	}
	return Regular
}

func (s Style) ink() ink {
	if s.Soft {
		return soft
	}
	return black
}

// Text sets a paragraph.
func (d *Doc) Text(s Style, text string) {
	if text == "" {
		return
	}
	d.flow(d.parent.child("P"), s, left, Width, text)
	d.y += s.Size * 0.3
}

// flow sets lines of an element, on as many pages as they need.
func (d *Doc) flow(n *node, s Style, x, width float64, text string) {
	for _, line := range d.lines(s.face(), s.Size, width, text) {
		d.Room(s.Size * leading)
		d.mark(n, func() { d.put(x, d.y, s.face(), s.Size, s.ink(), line) })
		d.y += s.Size * leading
	}
}

// List sets items with a dot before each.
func (d *Doc) List(s Style, items []string) {
	if len(items) == 0 {
		return
	}
	list := d.parent.child("L")
	for _, text := range items {
		item := list.child("LI")
		d.Room(s.Size * leading)
		d.mark(item.child("Lbl"), func() { d.put(left+2, d.y, s.face(), s.Size, s.ink(), "・") })
		d.flow(item.child("LBody"), s, left+14, Width-14, text)
	}
	d.y += s.Size * 0.3
}

// Tone is what a box says by its colour; it never says it alone.
type Tone int

// The tones.
const (
	Neutral Tone = iota
	Good
	Bad
	Unsure
)

func (t Tone) ink() ink {
	switch t {
	case Good:
		return hex(0x009e73)
	case Bad:
		return hex(0xd55e00)
	case Unsure:
		return hex(0xe69f00)
	case Neutral:
	}
	return grey
}

// Verdict sets the sentence that everything comes down to, beside a stamp.
func (d *Doc) Verdict(t Tone, sign, word, sentence string, remarks []string) {
	const size, small, pad = 12.5, 8.5, 9.0
	stamp := 0.0
	if word != "" {
		stamp = 62
	}
	width := Width - stamp - 2*pad - 8
	lines := d.lines(Bold, size, width, sentence)
	h := float64(len(lines))*size*leading + 2*pad
	var rest [][]string
	for _, r := range remarks {
		l := d.lines(Regular, small, width, r)
		rest = append(rest, l)
		h += float64(len(l))*small*leading + 3
	}
	if word != "" {
		h = max(h, 62)
	}
	d.Gap(6)
	d.Room(h)
	y := d.y
	d.artifact(func() {
		d.fill(pale, left, y, Width, h)
		d.frame(grey, 0.7, nil, left, y, Width, h)
		d.fill(t.ink(), left, y, 6, h)
	})
	if word != "" {
		d.mark(d.parent.child("P"), func() {
			c := left + 8 + stamp/2
			d.put(c-d.Measure(Bold, 24, sign)/2, y+pad, Bold, 24, black, sign)
			d.put(c-d.Measure(Bold, 10, word)/2, y+pad+30, Bold, 10, black, word)
		})
	}
	x := left + 8 + stamp + pad/2
	y += pad
	n := d.parent.child("P")
	for _, line := range lines {
		d.mark(n, func() { d.put(x, y, Bold, size, black, line) })
		y += size * leading
	}
	for _, l := range rest {
		y += 3
		n := d.parent.child("P")
		for _, line := range l {
			d.mark(n, func() { d.put(x, y, Regular, small, soft, line) })
			y += small * leading
		}
	}
	d.y += h + 5
}

// Tile is one figure of Tiles.
type Tile struct {
	Name, Term, Measured, Target, Sign, Word string
	Tone                                     Tone
}

// Tiles sets figures side by side.
func (d *Doc) Tiles(title string, tiles []Tile) {
	if len(tiles) == 0 {
		return
	}
	const gap, pad, h = 8.0, 7.0, 66.0
	d.Room(h + 18)
	if title != "" {
		d.Gap(3)
		d.mark(d.parent.child("H3"), func() { d.put(left, d.y, Bold, 9.5, black, title) })
		d.y += 15
	}
	w := (Width - gap*float64(len(tiles)-1)) / float64(len(tiles))
	for i, t := range tiles {
		x, y := left+float64(i)*(w+gap), d.y
		d.artifact(func() {
			d.frame(grey, 0.7, nil, x, y, w, h)
			d.fill(t.Tone.ink(), x, y, w, 3.5)
		})
		d.Within("Div", func() {
			d.mark(d.parent.child("P"), func() {
				d.put(x+pad, y+8, Bold, 9, black, t.Name)
				d.put(x+pad+d.Measure(Bold, 9, t.Name)+5, y+9.5, Regular, 7.5, soft, t.Term)
			})
			d.mark(d.parent.child("P"), func() {
				d.put(x+pad, y+21, Bold, d.fit(Bold, 16, w-2*pad, t.Measured), black, t.Measured)
			})
			d.mark(d.parent.child("P"), func() {
				d.put(x+pad, y+41, Regular, d.fit(Regular, 7.5, w-2*pad, t.Target), soft, t.Target)
			})
			d.mark(d.parent.child("P"), func() { d.put(x+pad, y+51, Bold, 9, black, t.Sign+" "+t.Word) })
		})
	}
	d.y += h + 5
}

// fit is the size, at most this one, at which a text fits a line.
func (d *Doc) fit(f Face, size, width float64, text string) float64 {
	if w := d.Measure(f, size, text); w > width {
		return max(5, size*width/w)
	}
	return size
}
