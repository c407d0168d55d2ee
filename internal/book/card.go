package book

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// A card is a strip of panels of a business card's size, folded to fit a purse; two strips a
// sheet of A4 (requirements A-CRD-01 to A-CRD-06).
const (
	panelW, panelH = 91.0, 55.0 // mm
	panels         = 5
	stripsASheet   = 2
)

// Card is one person's.
type Card struct {
	Person string // ID
	Name   string
	Panels []Panel
}

// Panel is a face of the folded card.
type Panel struct {
	Title string
	Lead  string
	Items []string
	Rows  [][2]string // label and text
	// Blanks are filled by hand: what nobody else keeps.
	Blanks []string
	Note   string
}

// Cards are the cards of people.
type Cards struct {
	Lang  string
	Title string
	Stamp string
	Class string
	Cards []Card
}

// CardOptions say whose cards are made.
type CardOptions struct {
	// Person is one person's ID; "" is everybody with a role.
	Person string
	// Report is where people report that they are safe, as an address.
	Report string
}

// MakeCards makes the cards of one person, or of everybody.
func MakeCards(s Source, o CardOptions, l i18n.Lang) (Cards, error) {
	out := Cards{Lang: string(l), Title: l.T("Carry cards", "携行カード"), Stamp: s.stamp(l), Class: l.T("class A: personal", "クラスA（個人用）")}
	var ids []string
	for _, p := range s.Estate.People {
		ids = append(ids, p.ID)
		if o.Person == "" && len(p.Roles) > 0 || o.Person == p.ID {
			out.Cards = append(out.Cards, s.card(p, o, l))
		}
	}
	if len(out.Cards) == 0 {
		return out, fmt.Errorf("%s", l.T("the estate has no person %q; there are %s", "構成台帳に %q という人はいません。載っている人: %s", o.Person, strings.Join(ids[:min(len(ids), 20)], ", ")))
	}
	return out, nil
}

func (s Source) card(p plan.Person, o CardOptions, l i18n.Lang) Card {
	name := p.Name.In(string(l))
	c := Card{Person: p.ID, Name: name}
	who := s.roles(p.Roles, l)
	if p.Section != "" {
		who = p.Section + l.T(", ", " ／ ") + who
	}
	indoors := Panel{Title: l.T("Carry card: %s", "携行カード　%s", name), Lead: who, Items: []string{
		l.T("Indoors: stay calm.", "【屋内】慌てず、落ち着いて行動する"),
		l.T("Move away from shelves and windows, and protect yourself.", "棚や窓から離れ、身を守る"),
		l.T("When the shaking has stopped, check for fire.", "揺れが収まったら、火の元を確かめる"),
		l.T("Open a door to secure the way out.", "ドアを開け、出口を確保する"),
		l.T("Put on shoes and ready the emergency bag.", "靴を履き、非常持ち出し袋を用意する"),
		l.T("Help with firefighting and rescue.", "消火・救出に協力する"),
	}}
	outdoors := Panel{Title: l.T("First actions outdoors", "初動　屋外にいるとき"), Items: []string{
		l.T("Stay calm.", "慌てず、落ち着いて行動する"),
		l.T("Cover your head and keep away from buildings: walls, signs and glass fall.", "頭を守り、建物から離れる（塀・看板・ガラスの落下に注意）"),
		l.T("Keep away from cut wires.", "切れた電線に近づかない"),
		l.T("Do not flee by car.", "自動車で避難しない"),
		l.T("Help with firefighting and rescue.", "消火・救出に協力する"),
	}, Note: l.T("By the sea: at a strong or long shaking, or a tsunami warning, go up at once.", "海の近くでは、強い揺れや長い揺れ、津波警報で直ちに高台へ")}
	gather := Panel{Title: l.T("Muster", "参集"), Items: s.criteria(l),
		Note: l.T("Other instructions on the muster place take precedence.", "参集場所について別の指示があれば、それを優先する")}
	for i, place := range s.ranks(p.Roles) {
		if i == 3 {
			break
		}
		gather.Rows = append(gather.Rows, [2]string{l.T("place %d", "第%d参集場所", i+1), s.place(place, l)})
	}
	if m := s.Estate.Muster; m != nil && len(m.Kit) > 0 {
		var kit []string
		for _, k := range m.Kit {
			kit = append(kit, k.In(string(l)))
		}
		gather.Rows = append(gather.Rows, [2]string{l.T("bring", "持ち物・服装"), strings.Join(kit, l.T(", ", "、"))})
	}
	report := Panel{Title: l.T("Report that you are safe", "安否の報告")}
	if o.Report != "" {
		report.Rows = append(report.Rows, [2]string{l.T("to", "報告先"), o.Report})
	}
	report.Rows = append(report.Rows, [2]string{l.T("say", "報告内容"), l.T("safe or hurt, whether and when you can come, how you can be reached", "本人の安否、参集の可否と見込み、連絡手段")})
	report.Rows = append(report.Rows, s.workplace(p, l)...)
	own := Panel{Title: l.T("Message services, own data (by hand)", "伝言サービス・自分の情報（手書き）"),
		Lead: l.T("Voice: dial 171, 1 records, 2 plays, then the number. Web: www.web171.jp. Mobile carriers' message boards.", "災害用伝言ダイヤル 171（録音1・再生2→電話番号）／ 災害用伝言板 www.web171.jp ／ 携帯各社の災害用伝言板"),
		Blanks: []string{l.T("name, blood", "氏名・血液型"), l.T("address", "住所"), l.T("mobile / home", "携帯／自宅"), l.T("insurance no.", "保険者番号等"),
			l.T("shelter at work", "避難場所（勤務時）"), l.T("shelter at home", "避難場所（自宅）"), l.T("family meets at", "家族の集合場所"), l.T("family 1", "家族の連絡先1"), l.T("family 2", "家族の連絡先2")}}
	c.Panels = []Panel{indoors, outdoors, gather, report, own}
	return c
}

// workplace are the people whom somebody reaches first: deputies, those whose deputy they
// are, and who decides.
func (s Source) workplace(p plan.Person, l i18n.Lang) [][2]string {
	var ids []string
	add := func(id string) {
		if id != p.ID && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, x := range s.Plans {
		for _, role := range []string{x.Scenario.Decision.By, x.Scenario.Lead} {
			for _, who := range s.Estate.People {
				if role != "" && slices.Contains(who.Roles, role) {
					add(who.ID)
				}
			}
		}
	}
	for _, id := range p.Deputies {
		add(id)
	}
	for _, who := range s.Estate.People {
		if slices.Contains(who.Deputies, p.ID) {
			add(who.ID)
		}
	}
	for _, who := range s.Estate.People {
		if who.Section != "" && who.Section == p.Section {
			add(who.ID)
		}
	}
	var out [][2]string
	for _, id := range ids[:min(len(ids), 4)] {
		for _, who := range s.Estate.People {
			if who.ID == id {
				c := s.Contacts[id]
				out = append(out, [2]string{who.Name.In(string(l)), strings.TrimSpace(cmp.Or(c.Phone, l.T("(no number)", "（番号なし）")) + "  " + c.Mail)})
			}
		}
	}
	return out
}

// Sheets are the cards as they lie on paper.
func (c Cards) Sheets() [][]Card { return slices.Collect(slices.Chunk(c.Cards, stripsASheet)) }

// WriteHTML writes the cards as one file for A4 that fetches nothing.
func (c Cards) WriteHTML(w io.Writer) error {
	return cardPages.Execute(w, struct {
		Cards
		W, H template.CSS
	}{c, template.CSS(fmt.Sprintf("%gmm", panelW)), template.CSS(fmt.Sprintf("%gmm", panelH))})
}
