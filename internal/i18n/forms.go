package i18n

import "github.com/muster-dr/muster/internal/run"

var damages = map[run.Damage][2]string{
	run.DamageNone:      {"none", "被害なし"},
	run.DamageDegraded:  {"degraded", "性能低下"},
	run.DamageStopped:   {"stopped", "停止"},
	run.DamageDestroyed: {"destroyed", "損壊"},
	run.DamageUnknown:   {"unknown", "不明"},
}

// Damage names the state of a component.
func (l Lang) Damage(d run.Damage) string { return word(l, damages, d) }

var usabilities = map[run.Usability][2]string{
	run.Usable:      {"usable", "使用可"},
	run.Restricted:  {"restricted", "制限付きで使用可"},
	run.Unusable:    {"not safe", "使用不可"},
	run.NotLookedAt: {"not looked at", "未確認"},
	run.ItemOK:      {"ok", "異常なし"},
}

// Usability names the state of a building or a part of it.
func (l Lang) Usability(u run.Usability) string { return word(l, usabilities, u) }

var contacts = map[run.Contact][2]string{
	run.ContactReached: {"reached", "連絡成立"},
	run.ContactLeft:    {"message left", "伝言を残した"},
	run.ContactSilent:  {"no answer", "応答なし"},
	run.ContactDead:    {"line dead", "不通"},
}

// Contact names what came of trying to reach somebody.
func (l Lang) Contact(c run.Contact) string { return word(l, contacts, c) }

var purposes = map[run.Purpose][2]string{
	run.ForContractor:  {"request to a contractor", "委託先への依頼"},
	run.ForContainment: {"containment", "被害拡大の防止"},
	run.ForRecovery:    {"recovery", "復旧指示"},
	run.ForStandby:     {"standby or reinforcement", "待機・応援"},
}

// Purpose names what an order is for.
func (l Lang) Purpose(p run.Purpose) string { return word(l, purposes, p) }

var progresses = map[run.Progress][2]string{
	"":                 {"asked", "依頼済み"},
	run.OrderAccepted:  {"accepted", "受諾"},
	run.OrderDeclined:  {"declined", "辞退"},
	run.OrderArrived:   {"arrived", "到着"},
	run.OrderDone:      {"done", "完了"},
	run.OrderWithdrawn: {"withdrawn", "取り下げ"},
}

// Progress names how far an order has come.
func (l Lang) Progress(p run.Progress) string { return word(l, progresses, p) }
