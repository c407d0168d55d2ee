package report

import "github.com/muster-dr/muster/internal/plan"

// clause says where a part of the report answers a standard.
type clause struct {
	part    plan.Text
	field   string // of the record for programs
	clauses string
}

// crosswalk is which part of a report answers which clause: one set of evidence serves them all. It names
// clauses as auditors do; whether one is met is theirs to say.
var crosswalk = []clause{
	{say("scope, objectives and pass criteria, fixed before the start", "範囲・目標・合格基準（開始前に確定）"), "purpose, identity", "ISO 22301 8.5 a–c; ISO 22398; NIST SP 800-84; HSEEP overview; FFIEC BCM; DORA RTS 2024/1774 Art. 25"},
	{say("participants, roles, stand-ins, participation", "参加者・役割・代行・参加率"), "people", "ISO 22398; NIST SP 800-84; SOC 2 A1.3; HSEEP App. B; NISC 4.1(2)"},
	{say("timeline with the source of every time", "経過（時刻の出所付き）"), "times, steps", "ISO/IEC 27031; DORA RTS 2024/1774 Art. 25; HSEEP"},
	{say("measured RTO, RPO and RLO against targets", "RTO・RPO・RLOの実績と目標"), "measures", "ISO/IEC 27031; SOC 2 A1.3; NISC 4.2.2(3); METI ITサービス継続ガイドライン"},
	{say("restore of backups and integrity of data", "バックアップの復元とデータの完全性"), "measures (restore)", "SOC 2 A1.3; DORA Art. 11(6); NIST SP 800-53 CP-4, CP-9; ISO/IEC 27001 A.8.13"},
	{say("switch to redundant capacity and back", "代替拠点への切り替えと切戻し"), "measures (rto, failback)", "DORA Art. 11(6); NIST SP 800-34; FISC 統10; NISC 4.1"},
	{say("decisions, with what was known then", "決定と当時把握していた情報"), "events.decisions", "HSEEP; ISO 22398; NISC 4.2.2(2)"},
	{say("approvals, separation of duties, break-glass", "承認・職務分離・緊急権限"), "authority", "FFIEC BCM; NIST SP 800-53 CP-4; システム管理基準 II.9"},
	{say("findings with owner and due date, closed by a later run", "指摘事項（担当・期限、後の実施で解消）"), "findings", "ISO 22301 10.1; HSEEP improvement plan; NIST SP 800-84; FFIEC BCM; DORA Art. 11(6); NISC T4.2-1"},
	{say("post-event report in four parts", "事後報告（4区分8項目）"), "after.written", "NISC 4.2.2; 総務省 ICT-BCP; ISO 22301 8.5 d"},
	{say("what was real, simulated and assumed", "実施・模擬・想定の区別"), "purpose.assumptions", "DORA RTS 2024/1774 Art. 25; ISO 22398"},
	{say("environment put back", "環境の復元"), "after.environment_restored", "NIST SP 800-34; HSEEP"},
	{say("evidence: plan hash, journal digest, sealed log, offline check", "証拠（計画のハッシュ・記録のダイジェスト・封印・オフライン検証）"), "assurance", "ISO 22301 7.5; SOC 2; 電磁的方法による保存等の基準"},
}

// crosswalkSection is the table at the end of the report.
func crosswalkSection() section {
	t := table{Head: []plan.Text{say("Part of the report", "報告の項目"), say("Field of the record", "記録の項目"), say("Standards and clauses", "規格・条項")}}
	for _, c := range crosswalk {
		t.Rows = append(t.Rows, []cell{tell(c.part), tell(plain(c.field)), tell(plain(c.clauses))})
	}
	return section{ID: "crosswalk", Title: say("Where standards find their answers", "規格との対応"), Tables: []table{t},
		Lead: []plan.Text{say("Which part answers which clause. Whether a clause is met is for the auditor to say.", "各規格の要求に対応する項目を示す。適合の判断は監査人による。")}}
}
