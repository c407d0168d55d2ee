package jma

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/muster-dr/muster/internal/plan"
)

// Intensity is a class of the agency's scale in the order of its strength; 0 is none.
type Intensity int

// The classes, with 5 and 6 in halves.
const (
	Int1 Intensity = iota + 1
	Int2
	Int3
	Int4
	Int5Lower
	Int5Upper
	Int6Lower
	Int6Upper
	Int7
)

var classes = []string{"", "1", "2", "3", "4", "5-", "5+", "6-", "6+", "7"}

func (i Intensity) String() string { return classes[i] }

// Text is the class as people say it.
func (i Intensity) Text() plan.Text {
	c := classes[i]
	en := strings.NewReplacer("-", "-lower", "+", "-upper").Replace(c)
	ja := strings.NewReplacer("1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "-", "弱", "+", "強").Replace(c)
	return plan.Text{EN: "intensity " + en, JA: "震度" + ja}
}

// ParseIntensity reads a class as 5-, 5-lower, 5弱 or 震度５弱. A value that did not arrive where
// 5-lower or more is supposed counts as 5-lower and is told apart. What is no class is 0.
func ParseIntensity(s string) (i Intensity, notReceived bool) {
	s = strings.TrimPrefix(strings.TrimSpace(norm.NFKC.String(s)), "震度")
	s = strings.NewReplacer("-lower", "-", "-upper", "+", "弱", "-", "強", "+").Replace(strings.TrimPrefix(s, "程度"))
	if s == "5-以上未入電" || s == "!5-" {
		return Int5Lower, true
	}
	for at, c := range classes {
		if at > 0 && s == c {
			return Intensity(at), false
		}
	}
	return 0, false
}

// Grade is how grave a tsunami is expected to be; 0 is none or the all-clear.
type Grade int

const (
	Slight   Grade = iota + 1 // 津波予報（若干の海面変動）
	Advisory                  // 津波注意報
	Grave                     // 津波警報
	Major                     // 大津波警報
)

var grades = []string{"", "slight", "advisory", "warning", "major"}

// Grades are the grades that rules may name, lowest first.
func Grades() []string { return grades[2:] }

// ParseGrade reads one of Grades.
func ParseGrade(s string) (Grade, error) {
	for at, g := range grades {
		if g == s && at > 0 {
			return Grade(at), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", s, strings.Join(Grades(), ", "))
}

// Text is the grade as people say it.
func (g Grade) Text() plan.Text {
	return []plan.Text{{}, {EN: "slight sea level changes", JA: "津波予報（若干の海面変動）"}, {EN: "tsunami advisory", JA: "津波注意報"},
		{EN: "tsunami warning", JA: "津波警報"}, {EN: "major tsunami warning", JA: "大津波警報"}}[g]
}

func gradeOf(kind string) Grade {
	switch {
	case strings.Contains(kind, "解除"): // 警報解除, 津波注意報解除
		return 0
	case strings.HasPrefix(kind, "大津波警報"):
		return Major
	case strings.HasPrefix(kind, "津波警報"):
		return Grave
	case strings.HasPrefix(kind, "津波注意報"):
		return Advisory
	case strings.HasPrefix(kind, "津波予報"):
		return Slight
	}
	return 0
}
