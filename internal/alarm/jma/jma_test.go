package jma

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed(t testing.TB, name string) Telegram {
	t.Helper()
	tg, err := Parse(sample(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tg
}

func TestQuickReport(t *testing.T) {
	tg := parsed(t, "VXSE51_sample_20110311_int6plus.xml")
	if tg.Kind != Intensities || tg.Title != "震度速報" || !tg.Real() || tg.Training() || tg.Cancel() || tg.Serial != "" ||
		strings.Join(tg.EventIDs, "") != "20110311144640" || !tg.At.Equal(time.Date(2011, 3, 11, 5, 48, 10, 0, time.UTC)) || !math.IsNaN(tg.Magnitude) {
		t.Errorf("head = %+v", tg)
	}
	for _, c := range []struct {
		areas []string
		name  string
		want  Intensity
	}{
		{nil, "宮城県", Int6Upper},
		{[]string{"222"}, "宮城県中部", Int6Upper},
		{[]string{"宮城県南部"}, "宮城県南部", Int6Lower},
		{[]string{"03"}, "岩手県", Int6Lower}, // a prefecture's code keeps its zero
		{[]string{"3"}, "", 0},
		{[]string{"福島県会津", "山形県村山"}, "山形県村山", Int5Lower},
		{[]string{"東京都２３区"}, "", 0},
	} {
		a, ok := tg.Greatest(c.areas)
		if ok != (c.want > 0) || a.Int != c.want || a.Name != c.name || a.NotReceived || a.Forecast {
			t.Errorf("greatest in %v = %+v, %v, want %s at %s", c.areas, a, ok, c.want, c.name)
		}
	}
}

func TestTrainingTelegramIsNotReal(t *testing.T) {
	tg := parsed(t, "VXSE53_sample_20091001_drill_int5minus.xml")
	if tg.Real() || !tg.Training() || tg.Kind != Intensities {
		t.Errorf("status %q, real %v, training %v", tg.Status, tg.Real(), tg.Training())
	}
	for code, want := range map[string]Intensity{"440": Int5Lower, "22": Int5Lower, "2230600": Int5Lower, "350": Int3} {
		if a, _ := tg.Greatest([]string{code}); a.Int != want {
			t.Errorf("%s = %+v, want %s", code, a, want)
		}
	}
	if a, _ := tg.Greatest([]string{"東京都23区"}); a.Code != "350" {
		t.Errorf("東京都23区 with narrow figures = %+v, want the area 350", a)
	}
}

func TestCancellationNamesItsSeries(t *testing.T) {
	tg := parsed(t, "VXSE53_sample_20080614_cancel.xml")
	if !tg.Cancel() || tg.Kind != Intensities || len(tg.Areas) != 0 || tg.Series() != "震源・震度に関する情報|気象庁本庁|通常|20080614084350" {
		t.Errorf("%+v, series %q", tg, tg.Series())
	}
}

func TestWhatDidNotArriveCountsAsFiveLower(t *testing.T) {
	tg := parsed(t, "VXSE53_made_not_received.xml")
	for _, code := range []string{"1720400", "390", "17"} {
		if a, _ := tg.Greatest([]string{code}); a.Int != Int5Lower || !a.NotReceived {
			t.Errorf("%s = %+v, want 5-lower, not received", code, a)
		}
	}
	if a, _ := tg.Greatest([]string{"1720500"}); a.Int != Int4 || a.NotReceived {
		t.Errorf("珠洲市 = %+v, want 4 as received", a)
	}
	if !math.IsNaN(tg.Magnitude) || tg.Hypocenter != "石川県能登地方" || tg.Serial != "" {
		t.Errorf("magnitude %v, hypocenter %q, serial %q", tg.Magnitude, tg.Hypocenter, tg.Serial)
	}
}

func TestWarningIsAForecast(t *testing.T) {
	tg := parsed(t, "VXSE43_made_warning.xml")
	if a, _ := tg.Greatest([]string{"301"}); tg.Kind != Warning || a.Int != Int6Lower || !a.Forecast || tg.Magnitude != 6.4 {
		t.Errorf("%v: %+v", tg.Kind, a)
	}
}

func TestTsunami(t *testing.T) {
	tg := parsed(t, "VTSE41_20220115_warning_excerpt.xml")
	if tg.Kind != Tsunami || !math.IsNaN(tg.Magnitude) {
		t.Errorf("kind %s, magnitude %v", tg.Kind, tg.Magnitude)
	}
	for code, want := range map[string]Grade{"772": Grave, "宮城県": Advisory, "312": Slight, "999": 0} {
		if c, _ := tg.Highest([]string{code}); c.Grade != want {
			t.Errorf("%s = %+v, want grade %d", code, c, want)
		}
	}
	if g := gradeOf("津波注意報解除"); g != 0 {
		t.Errorf("an all-clear has grade %d", g)
	}
}

// The order of the classes is not that of their letters.
func TestClassesAreOrdered(t *testing.T) {
	for i, c := range []string{"１", " 2", "震度３", "4", "震度５弱", "5+", "6-lower", "震度６強", "７"} {
		if got, missing := ParseIntensity(c); int(got) != i+1 || missing {
			t.Errorf("%q = %d, %v, want %d", c, got, missing, i+1)
		}
	}
	for _, c := range []string{"", "0", "8", "over", "不明", "5", "-"} {
		if got, _ := ParseIntensity(c); got != 0 {
			t.Errorf("%q = %d, want none", c, got)
		}
	}
	if got := Int6Lower.Text(); got.EN != "intensity 6-lower" || got.JA != "震度６弱" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoTelegramIsRefused(t *testing.T) {
	good := string(sample(t, "VXSE51_sample_20110311_int6plus.xml"))
	deep := strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50)
	for name, text := range map[string]string{
		"empty":         "",
		"no XML":        `{"status":"firing"}`,
		"other root":    `<Report xmlns="http://example.com/"/>`,
		"entity":        strings.Replace(good, "<Report", `<!DOCTYPE Report [<!ENTITY x SYSTEM "file:///etc/passwd">]><Report`, 1),
		"bomb":          strings.Replace(good, "<Report", `<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Report`, 1),
		"cut off":       good[:len(good)/2],
		"no event":      strings.Replace(good, "<EventID>20110311144640</EventID>", "<EventID> </EventID>", 1),
		"no status":     strings.Replace(good, "<Status>通常</Status>", "", 1),
		"no time":       strings.Replace(good, "2011-03-11T05:48:10Z", "yesterday", 1),
		"too deep":      strings.Replace(good, "<Body ", deep+"<Body ", 1),
		"other charset": strings.Replace(good, "UTF-8", "Shift_JIS", 1),
		"too large":     good + strings.Repeat(" ", MaxSize),
	} {
		if tg, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, tg)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"VXSE51_sample_20110311_int6plus.xml", "VXSE53_sample_20080614_cancel.xml", "VXSE43_made_warning.xml", "VTSE41_20220115_warning_excerpt.xml", "VXSE53_made_not_received.xml"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tg, err := Parse(b)
		if err != nil {
			return
		}
		if tg.At.IsZero() || len(tg.EventIDs) == 0 || tg.Real() && tg.Training() {
			t.Errorf("read %+v", tg)
		}
		if a, ok := tg.Greatest(nil); ok && (a.Int < Int1 || a.Int > Int7) {
			t.Errorf("intensity %d", a.Int)
		}
	})
}
