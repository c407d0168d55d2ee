// Package lookout finds unauthorised access in the access log (requirement F-N2-07): what is
// refused again and again, what comes from a new place, what was forged, replayed or altered.
// Everything that it knows stands in that log, so that several servers on one record store find
// the same, a restart forgets nothing, and whoever reads the log later comes to the same.
package lookout

import (
	"net/netip"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	// Often is how many refusals within Window are an alarm where one alone is anybody's slip.
	Often  = 5
	Window = 10 * time.Minute
)

// Kind is what an alarm is about. Kinds are never renamed: they stand in the access log and
// are labels of a metric.
type Kind string

// Kinds.
const (
	Guessing      Kind = "guessing"
	ShutOut       Kind = "shut_out"
	NewPlace      Kind = "new_place"
	ConsolePlace  Kind = "console_place"
	NotAllowed    Kind = "not_allowed"
	OffHours      Kind = "off_hours"
	ForgedMessage Kind = "forged_message"
	Replayed      Kind = "replayed"
	Probing       Kind = "probing"
	CrossSite     Kind = "cross_site"
	SiteWorker    Kind = "site_worker"
	Evidence      Kind = "altered_evidence"
	Missing       Kind = "missing_evidence"
	Altered       Kind = "altered_program"
	Changed       Kind = "changed_program"
	Crowd         Kind = "crowd"
	Flood         Kind = "flood"
)

// Acts and outcomes of the access log that rules go by, besides those of identity.
const (
	ActMessage    = "alarm" // at the door of alarm sources
	ActBreakGlass = "break-glass"
	ActGateway    = "gateway"
	ActEvidence   = "evidence"
	ActProgram    = "program"
	ActRaised     = journal.ActRaised // what this package enters itself

	OutAltered    = "altered"
	OutChanged    = "changed"
	OutMissing    = "missing"
	noCertificate = "no_certificate" // as in gateway, by whoever looks for open doors
)

// Rule says which entries of the access log make an alarm of one kind.
type Rule struct {
	Kind Kind
	// Title is what was found, and Way what to do about it.
	Title, Way plan.Text
	// After is how many entries with the same key within Window make one.
	After int
	// Notice: people are told, and no alert fires.
	Notice bool
	// ToPerson: whose it is can tell best, so they are told; those in charge where they can't be reached.
	ToPerson bool
	// Few: strangers can bring about any number of it, or it is hardly news, so that few are told in an hour.
	Few bool
	// keys are what an entry counts for, such as an address and a person; none when it is not of this kind.
	keys func(l *rules, a journal.Access) []string
}

// rules is what deciding needs besides the log.
type rules struct {
	offHours func(time.Time) bool
}

// Rules lists what is looked for.
func Rules() []Rule {
	return []Rule{
		{Kind: Guessing, After: Often, Few: true, Title: plan.Say("repeated failed sign-ins", "サインインの失敗が繰り返されています"),
			Way:  plan.Say("Ask whose address it is. If it is nobody's of yours, keep it out at the firewall; if it is about one person, give them a new token and revoke the old one", "接続元が誰のものか確認してください。心当たりがなければファイアウォールで遮断し、特定の人が狙われている場合は、その人のトークンを再発行して古いものを取り消してください"),
			keys: guessing},
		{Kind: ShutOut, After: 1, Title: plan.Say("a token was tried that was taken back, or whose person may not come any more", "取り消し済みのトークン、または利用停止中・退職者のトークンが使われました"),
			Way: plan.Say("Somebody still has it. Find out who, and what else they had; a program of yours that uses it needs one of its own", "トークンを持ち続けている人がいます。誰が持っているか、ほかに何を持っているかを確認してください。自社のプログラムが使っている場合は、専用のトークンに替えてください"),
			keys: func(_ *rules, a journal.Access) []string {
				if r := reason(a); a.Act == identity.ActSignIn && strings.HasPrefix(a.Via, "token ") && (r == identity.Revoked || r == identity.Disabled || r == identity.Gone) {
					return []string{a.Via}
				}
				return nil
			}},
		// People travel, and one that hops from network to network is one alarm: by credential, not by place.
		{Kind: NewPlace, After: 1, Few: true, Notice: true, ToPerson: true, Title: plan.Say("a personal token or sign-in was used from a network that it was not used from before", "個人のトークンまたはサインインが、これまでにないネットワークから使われました"),
			Way: plan.Say("Nothing, if the person themself was there. If not: an administrator stops it with muster people revoke TOKEN or muster people disable PERSON", "本人の利用であれば対応は不要です。心当たりがなければ、管理者に連絡し、muster people revoke トークン または muster people disable 要員 で止めてください"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Outcome == identity.OutNewPlace && a.Via != identity.Console {
					return []string{a.Via}
				}
				return nil
			}},
		{Kind: ConsolePlace, After: 1, Title: plan.Say("the server's own token was used from another network", "サーバー本体のトークンが、これまでにないネットワークから使われました"),
			Way: plan.Say("Ask who holds it. If nobody of yours was there: end the server, remove DATA/token, start it again; and switch the console off (identity.console: false)", "誰が持っているか確認してください。心当たりがなければ、サーバーを止め、DATA/token を削除して起動し直し、コンソールを無効にしてください（identity.console: false）"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Outcome == identity.OutNewPlace && a.Via == identity.Console {
					return []string{a.Object}
				}
				return nil
			}},
		{Kind: NotAllowed, After: Often, Title: plan.Say("somebody tries again and again what they may not", "権限のない操作が繰り返し試みられています"),
			Way: plan.Say("Ask them. If it was not them, revoke the token; if they need it, give their role the right", "本人に確認してください。本人でなければトークンを取り消し、必要な操作であれば役割に権限を与えてください"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Outcome == "forbidden" {
					return []string{first(a.Person, a.Via, line(a.From))}
				}
				return nil
			}},
		{Kind: OffHours, After: 1, Title: plan.Say("break-glass was used outside working hours", "業務時間外に緊急権限が使われました"),
			Way: plan.Say("Make sure that there was an emergency, or a drill: the run's record has the reason", "緊急事態または訓練があったことを確認してください。理由は実施の記録にあります"),
			keys: func(l *rules, a journal.Access) []string {
				if a.Act == ActBreakGlass && l.offHours != nil && l.offHours(a.At) {
					return []string{first(a.Person, a.Via) + " " + a.Object}
				}
				return nil
			}},
		{Kind: ForgedMessage, After: 1, Few: true, Title: plan.Say("a message was signed with a wrong secret", "署名の誤ったメッセージが届きました"),
			Way: plan.Say("Ask its sender. If the secret was changed, give both sides the same: until then nothing that the sender says is heard", "送信元に確認してください。秘密の値を変更した場合は、双方を同じ値にしてください。それまで送信元からの内容は受け付けられません"),
			keys: func(_ *rules, a journal.Access) []string {
				switch r := reason(a); {
				case a.Act == ActMessage && a.Outcome == "wrong signature":
					return []string{"alarm " + a.Object + " " + line(a.From)}
				case a.Act == identity.ActSlack && r == identity.Forged:
					return []string{"slack " + line(a.From)}
				}
				return nil
			}},
		{Kind: Replayed, After: 1, Few: true, Title: plan.Say("a message was sent again that had been recorded, or a sender's clock is wrong", "記録されたメッセージが再送されたか、送信元の時計がずれています"),
			Way: plan.Say("Compare the sender's clock with the server's. If both are right, somebody has recorded what was sent: change the secret", "送信元とサーバーの時計を比べてください。どちらも正しければ、通信が記録されています。秘密の値を変更してください"),
			keys: func(_ *rules, a journal.Access) []string {
				switch r := reason(a); {
				case a.Act == ActMessage && a.Outcome == "replayed":
					return []string{"alarm " + a.Object + " " + line(a.From)}
				case a.Act == identity.ActSlack && r == identity.Replayed:
					return []string{"slack " + line(a.From)}
				}
				return nil
			}},
		{Kind: Probing, After: Often, Few: true, Title: plan.Say("somebody looks for open doors: unsigned messages, foreign names, requests of other sites' pages, connections without a certificate", "侵入口を探す通信があります（署名のないメッセージ、別名での呼び出し、別サイトのページからの要求、証明書のない接続）"),
			Way: plan.Say("Nothing was let in. Keep the address out at the firewall, or find out which program of yours is set up wrongly", "侵入はされていません。接続元をファイアウォールで遮断するか、設定を誤っている自社のプログラムを探してください"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Act == ActMessage && (a.Outcome == "unsigned" || a.Outcome == "no such source") || a.Act == identity.ActCalled || a.Act == identity.ActCrossSite && a.Via == "" || a.Act == ActGateway && reason(a) == noCertificate {
					return []string{line(a.From)}
				}
				return nil
			}},
		// One more address among them can't be counted, and whoever makes the noise may be just after that.
		{Kind: Crowd, After: 1, Few: true, Title: plan.Say("so much is refused, from so many addresses, that not all of it is entered", "多数の接続元からの拒否が多すぎるため、一部をアクセス記録に残していません"),
			Way: plan.Say("What names a token, a session or a person is entered all the same; guesses of a single address may be missing. Keep the noise out at the firewall or the proxy, and see there who comes", "トークン、セッション、要員がわかるものはすべて記録していますが、個々の接続元からの推測は漏れている可能性があります。ファイアウォールまたはプロキシで遮断し、接続元はその記録で確認してください"),
			keys: func(_ *rules, a journal.Access) []string {
				if strings.Contains(a.Outcome, "("+identity.OfAll) {
					return []string{"all addresses"}
				}
				return nil
			}},
		{Kind: CrossSite, After: 1, Few: true, Title: plan.Say("a page of another site tried to act in a signed-in browser", "別のサイトのページが、サインイン済みのブラウザーで操作しようとしました"),
			Way: plan.Say("It was refused. Ask who sits at that address which page they had open; a proxy that rewrites the Host header does the same", "要求は拒否しました。その端末で開いていたページを確認してください。Hostヘッダーを書き換えるプロキシでも起こります"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Act == identity.ActCrossSite && a.Via != "" {
					return []string{line(a.From)}
				}
				return nil
			}},
		{Kind: SiteWorker, After: 1, Few: true, Title: plan.Say("a site worker was turned away at the gateway", "ゲートウェイで拠点ワーカーの接続または要求を拒否しました"),
			Way: plan.Say("If you have made a new certificate, give it to the worker. If not, somebody has a site's certificate, or made one: see muster people log, and remove the site's file in the gateway's folder", "新しい証明書を発行した場合は、ワーカーに渡してください。心当たりがなければ、証明書の流出か偽造です。muster people log を確認し、ゲートウェイのフォルダーから該当拠点のファイルを外してください"),
			keys: func(_ *rules, a journal.Access) []string {
				if a.Act == ActGateway && reason(a) != noCertificate {
					return []string{line(a.From) + " " + string(reason(a))}
				}
				return nil
			}},
		{Kind: Evidence, After: 1, Title: plan.Say("sealed evidence, the record it was made from, or what was made of that record, was altered", "封印済みの証拠、その元の記録、または記録から作成したデータが改変されています"),
			Way:  plan.Say("Touch nothing on that disk: `muster evidence list` says which run, the server's log what differs, and a copy elsewhere has what it was", "そのディスクには触れないでください。改変された実施は `muster evidence list`、異なる箇所はサーバーのログで確認でき、別の場所の複製に元の内容があります"),
			keys: object(ActEvidence, OutAltered)},
		{Kind: Missing, After: 1, Title: plan.Say("sealed evidence is missing, or can't be read", "封印済みの証拠が見つからないか、読み取れません"),
			Way:  plan.Say("See whether its disk is mounted and the server may read the folder. If it is gone, take it from a copy at another place", "ディスクがマウントされ、サーバーがフォルダーを読み取れるか確認してください。失われている場合は、別の場所の複製から戻してください"),
			keys: object(ActEvidence, OutMissing)},
		{Kind: Altered, After: 1, Title: plan.Say("a program or its settings were replaced without an upgrade", "更新でないのに、プログラムまたは設定が差し替えられました"),
			Way:  plan.Say("Ask who changed it. If nobody did, take the machine off the network and install anew from a release whose checksum is right", "誰が変更したか確認してください。心当たりがなければ、そのマシンをネットワークから切り離し、チェックサムの正しい配布物から入れ直してください"),
			keys: object(ActProgram, OutAltered)},
		{Kind: Changed, After: 1, Notice: true, Title: plan.Say("a program was upgraded", "プログラムが更新されました"),
			Way:  plan.Say("Nothing, if you meant to; else ask who did", "予定どおりであれば対応は不要です。そうでなければ誰が更新したか確認してください"),
			keys: object(ActProgram, OutChanged)},
		{Kind: Flood, After: 1, Title: plan.Say("more of one kind is found than people can be told of", "同じ種類の検知が多すぎるため、その種類の個別の通知を控えています"),
			Way:  plan.Say("See muster people log: what comes now of this kind is entered there, and counted in muster_security_alarms_total. Other kinds are told as ever", "muster people log を確認してください。この種類の以後の検知はアクセス記録とmuster_security_alarms_totalに残ります。ほかの種類は引き続き通知します"),
			keys: func(*rules, journal.Access) []string { return nil }},
	}
}

// RuleOf is the rule of a kind.
func RuleOf(k Kind) (Rule, bool) {
	for _, r := range Rules() {
		if r.Kind == k {
			return r, true
		}
	}
	return Rule{}, false
}

// guessing counts by address and by what is tried. What only ended, as a browser's sign-in does every
// night, is nobody's guess; behind a proxy everybody has one address.
func guessing(_ *rules, a journal.Access) []string {
	if a.Act != identity.ActSignIn {
		return nil
	}
	token := strings.HasPrefix(a.Via, "token ")
	var keys []string
	switch reason(a) {
	case identity.Unknown, identity.Forged, identity.Off, identity.Provider, identity.Stranger, identity.OtherRun, identity.OtherPurpose:
		keys = append(keys, line(a.From))
	case identity.Expired:
		if !token {
			return nil
		}
	case identity.Revoked, identity.Disabled, identity.Gone:
		if token {
			return nil // ShutOut
		}
	default:
		return nil
	}
	if who := first(a.Person, a.Via); who != "" && who != "link" {
		keys = append(keys, who)
	}
	return keys
}

func object(act, outcome string) func(*rules, journal.Access) []string {
	return func(_ *rules, a journal.Access) []string {
		if a.Act == act && a.Outcome == outcome {
			return []string{a.Object}
		}
		return nil
	}
}

// reason is the first word of an outcome: what follows counts.
func reason(a journal.Access) identity.Reason {
	word, _, _ := strings.Cut(a.Outcome, " ")
	return identity.Reason(word)
}

// most is how many are told in an hour.
func (r Rule) most() int {
	if r.Few {
		return fewAnHour
	}
	return manyAnHour
}

// line is whose address it is: one line has 2^64 addresses of IPv6.
func line(from string) string {
	at, err := netip.ParseAddr(from)
	if at = at.Unmap().WithZone(""); err != nil || at.Is4() || at.IsLoopback() {
		return from
	}
	network, err := at.Prefix(64)
	if err != nil {
		return from
	}
	return network.String()
}

func first(these ...string) string {
	for _, s := range these {
		if s != "" {
			return s
		}
	}
	return ""
}
