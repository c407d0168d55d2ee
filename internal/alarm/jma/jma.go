// Package jma reads the earthquake and tsunami telegrams of the Japan Meteorological
// Agency (気象庁防災情報XML): VXSE51 震度速報, VXSE53 震源・震度に関する情報, VXSE43
// 緊急地震速報（警報） and VTSE41 津波警報・注意報・予報. A telegram of any other kind is read
// as far as its head. It decides nothing: what an intensity means for whom is a rule's.
package jma

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxSize bounds a telegram; the largest of the published samples has 1.5 MB.
	MaxSize = 5 << 20
	// maxDepth and maxElements bound what a telegram may be made of.
	maxDepth    = 32
	maxElements = 400_000
)

// Kind is what a telegram is about.
type Kind string

const (
	Intensities Kind = "intensity" // observed: VXSE51, VXSE53
	Warning     Kind = "warning"   // forecast, seconds before: VXSE43
	Tsunami     Kind = "tsunami"   // VTSE41
	Other       Kind = "other"
)

// Telegram is one telegram.
type Telegram struct {
	Kind   Kind
	Title  string // of the control part: names the series
	Office string // editorial office
	// Status is 通常 for a real one; 訓練 and 試験, and whatever else it may say, are not.
	Status   string
	At       time.Time // when it was sent; orders a series
	EventIDs []string  // of the earthquakes; a tsunami may have several
	Info     string    // 発表, 訂正, 取消
	Serial   string    // may be empty, and does not order
	Reported time.Time
	Headline string

	Origin     time.Time // of the earthquake; zero when not told
	Hypocenter string
	Magnitude  float64 // NaN when not known

	Areas   []Area
	Tsunami []Coast
}

// Area is the greatest intensity in a prefecture, an area or a city.
type Area struct {
	Code string // 2 digits for a prefecture, 3 for an area, 7 for a city
	Name string
	Int  Intensity
	// NotReceived: no value came from somewhere in it where 5-lower or more is supposed
	// (震度５弱以上未入電); Int is at least 5-lower then.
	NotReceived bool
	Forecast    bool // of a warning: nobody has observed it
}

// Coast is a tsunami's grade on a stretch of coast.
type Coast struct {
	Code  string
	Name  string
	Grade Grade
}

// Real reports whether the telegram tells of something real.
func (t Telegram) Real() bool { return t.Status == "通常" }

// Training reports whether it belongs to a drill of the agency; 試験 tests the line only.
func (t Telegram) Training() bool { return t.Status == "訓練" }

// Cancel reports whether it withdraws what its series said.
func (t Telegram) Cancel() bool { return t.Info == "取消" }

// Series is what orders telegrams: within one, the newest counts.
func (t Telegram) Series() string {
	return strings.Join([]string{t.Title, t.Office, t.Status, strings.Join(t.EventIDs, " ")}, "|")
}

// Parse reads a telegram. XML with a document type or entities of its own is refused.
func Parse(b []byte) (Telegram, error) {
	if len(b) > MaxSize {
		return Telegram{}, fmt.Errorf("the telegram is larger than %d MiB", MaxSize>>20)
	}
	var r report
	if err := xml.NewTokenDecoder(&guarded{d: xml.NewDecoder(bytes.NewReader(b))}).Decode(&r); err != nil {
		return Telegram{}, fmt.Errorf("no telegram: %w", err)
	}
	return r.telegram()
}

// guarded passes on the tokens of a document that stays within bounds.
type guarded struct {
	d        *xml.Decoder
	depth, n int
}

func (g *guarded) Token() (xml.Token, error) {
	t, err := g.d.RawToken()
	if err != nil {
		return nil, err
	}
	switch t.(type) {
	case xml.Directive:
		return nil, errors.New("it has a document type; telegrams have none")
	case xml.StartElement:
		g.depth++
		g.n++
	case xml.EndElement:
		g.depth--
	}
	if g.depth > maxDepth || g.n > maxElements {
		return nil, errors.New("it has too many elements, or too many inside each other")
	}
	return t, nil
}

var _ xml.TokenReader = (*guarded)(nil)

// report is the XML as far as it is read. Names are given without their spaces' where
// the same element stands in several.
type report struct {
	XMLName xml.Name `xml:"http://xml.kishou.go.jp/jmaxml1/ Report"`
	Control struct {
		Title    string
		DateTime string
		Status   string
		Office   string `xml:"EditorialOffice"`
	}
	Head struct {
		Reported string `xml:"ReportDateTime"`
		EventID  string
		Info     string `xml:"InfoType"`
		Serial   string
		Headline struct {
			Text        string
			Information []struct {
				Type string `xml:"type,attr"`
				Item []struct {
					Kind struct{ Name string }
					Area []namedCode `xml:"Areas>Area"`
				}
			}
		}
	}
	Body struct {
		Earthquake []struct {
			OriginTime string
			Hypocenter struct{ Area struct{ Name string } }
			Magnitude  string
		}
		Intensity struct {
			Observation struct{ Pref []place }
			Forecast    struct{ Pref []place }
		}
		Tsunami struct {
			Item []struct {
				Area namedCode
				Kind namedCode `xml:"Category>Kind"`
			} `xml:"Forecast>Item"`
		}
	}
}

type namedCode struct{ Name, Code string }

// place is a prefecture, an area, a city or a station.
type place struct {
	namedCode
	MaxInt      string
	Int         string // of a station
	Condition   string
	ForecastInt *struct{ From, To string }
	Area        []place
	City        []place
	Station     []place `xml:"IntensityStation"`
}

func (r report) telegram() (Telegram, error) {
	trim := strings.TrimSpace
	t := Telegram{
		Title: trim(r.Control.Title), Office: trim(r.Control.Office), Status: trim(r.Control.Status),
		EventIDs: strings.Fields(r.Head.EventID), Info: trim(r.Head.Info), Serial: trim(r.Head.Serial),
		Headline: trim(norm.NFC.String(r.Head.Headline.Text)), Magnitude: math.NaN(),
	}
	var err error
	if t.At, err = time.Parse(time.RFC3339, trim(r.Control.DateTime)); err != nil {
		return Telegram{}, fmt.Errorf("Control/DateTime %q is no time", r.Control.DateTime)
	}
	if t.Title == "" || t.Status == "" || len(t.EventIDs) == 0 || t.Info == "" {
		return Telegram{}, errors.New("Control/Title, Control/Status, Head/InfoType or Head/EventID is missing: what it belongs to can't be told")
	}
	t.Reported, _ = time.Parse(time.RFC3339, trim(r.Head.Reported)) // shown only
	if len(r.Body.Earthquake) > 0 {                                 // further ones are of a tsunami with several causes
		q := r.Body.Earthquake[0]
		t.Origin, _ = time.Parse(time.RFC3339, trim(q.OriginTime))
		t.Hypocenter = trim(q.Hypocenter.Area.Name)
		if _, err := fmt.Sscanf(trim(q.Magnitude), "%g", &t.Magnitude); err != nil {
			t.Magnitude = math.NaN()
		}
	}
	in := r.Body.Intensity
	for _, p := range in.Observation.Pref {
		t.read(p, false)
	}
	for _, p := range in.Forecast.Pref {
		t.read(p, true)
	}
	for _, i := range r.Body.Tsunami.Item {
		t.Tsunami = append(t.Tsunami, Coast{Code: trim(i.Area.Code), Name: trim(i.Area.Name), Grade: gradeOf(trim(i.Kind.Name))})
	}
	switch {
	case len(in.Observation.Pref) > 0:
		t.Kind = Intensities
	case len(in.Forecast.Pref) > 0:
		t.Kind = Warning
	case len(t.Tsunami) > 0:
		t.Kind = Tsunami
	default:
		t.Kind = r.byTitle(t.Title)
	}
	if t.Kind == Intensities || t.Kind == Warning {
		t.headline(r) // a quick report may have in its head what its body lacks
	}
	return t, nil
}

// byTitle is the kind of a telegram without a body, as a cancellation is.
func (r report) byTitle(title string) Kind {
	switch {
	case strings.HasPrefix(title, "緊急地震速報"):
		return Warning
	case strings.HasPrefix(title, "震度速報"), strings.HasPrefix(title, "震源・震度"):
		return Intensities
	case strings.HasPrefix(title, "津波警報"):
		return Tsunami
	}
	return Other
}

// read adds a place and those in it, and returns how hard it shook there.
func (t *Telegram) read(p place, forecast bool) (Intensity, bool) {
	most, missing := ParseIntensity(p.MaxInt)
	also := func(i Intensity, m bool) { most, missing = max(most, i), missing || m }
	also(ParseIntensity(p.Int))
	also(ParseIntensity(p.Condition))
	if f := p.ForecastInt; f != nil {
		also(ParseIntensity(f.From)) // To may be "over"
		also(ParseIntensity(f.To))
	}
	at := len(t.Areas)
	station := p.Int != ""
	if !station {
		t.Areas = append(t.Areas, Area{})
	}
	for _, list := range [][]place{p.Area, p.City, p.Station} {
		for _, below := range list {
			also(t.read(below, forecast))
		}
	}
	if !station {
		t.Areas[at] = Area{Code: strings.TrimSpace(p.Code), Name: strings.TrimSpace(p.Name), Int: most, NotReceived: missing, Forecast: forecast}
	}
	return most, missing
}

func (t *Telegram) headline(r report) {
	known := map[string]bool{}
	for _, a := range t.Areas {
		known[a.Code] = true
	}
	for _, info := range r.Head.Headline.Information {
		for _, item := range info.Item {
			i, missing := ParseIntensity(item.Kind.Name)
			if i == 0 {
				continue
			}
			for _, a := range item.Area {
				if code := strings.TrimSpace(a.Code); !known[code] {
					known[code] = true
					t.Areas = append(t.Areas, Area{Code: code, Name: strings.TrimSpace(a.Name), Int: i, NotReceived: missing, Forecast: t.Kind == Warning})
				}
			}
		}
	}
}

// Greatest is the area with the greatest intensity among those that a list names by code
// or name; an empty list is everywhere.
func (t Telegram) Greatest(areas []string) (Area, bool) {
	var best Area
	for _, a := range t.Areas {
		if (len(areas) == 0 || named(areas, a.Code, a.Name)) && a.Int > best.Int {
			best = a
		}
	}
	return best, best.Int > 0
}

// Highest is the coast with the highest grade among those that a list names.
func (t Telegram) Highest(areas []string) (Coast, bool) {
	var best Coast
	for _, c := range t.Tsunami {
		if (len(areas) == 0 || named(areas, c.Code, c.Name)) && c.Grade > best.Grade {
			best = c
		}
	}
	return best, best.Grade > 0
}

// named compares names as people type them: 東京都23区 is 東京都２３区.
func named(list []string, code, name string) bool {
	for _, want := range list {
		if want == code && code != "" || norm.NFKC.String(want) == norm.NFKC.String(name) && name != "" {
			return true
		}
	}
	return false
}
