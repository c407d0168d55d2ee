package intake

import (
	"regexp"
	"slices"
)

// Chance is an action that could do what a step asks of a person.
type Chance struct {
	Action string `json:"action"`
	Found  string `json:"found"`
}

// commands are what procedures hold when a machine could do the step, most telling first.
var commands = []struct {
	action string
	in     *regexp.Regexp
}{
	{"postgres.promote", regexp.MustCompile(`(?i)pg_ctl\b[^\n]*\bpromote\b|pg_promote|(?:スタンバイ|standby)[^\n]{0,20}(?:昇格|promot)`)},
	{"postgres.stop", regexp.MustCompile(`(?i)pg_ctl\b[^\n]*\bstop\b|systemctl stop postgres\S*`)},
	{"postgres.start", regexp.MustCompile(`(?i)pg_ctl\b[^\n]*\bstart\b|systemctl (?:re)?start postgres\S*`)},
	{"postgres.rejoin", regexp.MustCompile(`(?i)pg_rewind|pg_basebackup`)},
	{"pgbackup.restore", regexp.MustCompile(`(?i)pgbackrest\b[^\n]*\brestore\b|pg_restore`)},
	{"mysql.promote", regexp.MustCompile(`(?i)stop (?:slave|replica)|reset (?:slave|replica) all`)},
	{"mysql.restore_dump", regexp.MustCompile(`(?i)mysql\b[^\n]*<\s*\S+\.sql`)},
	{"mysql.dump", regexp.MustCompile(`(?i)mysqldump|mariadb-dump`)},
	{"redis.promote", regexp.MustCompile(`(?i)(?:replicaof|slaveof) no one`)},
	{"redis.failover", regexp.MustCompile(`(?i)sentinel failover`)},
	{"etcd.snapshot", regexp.MustCompile(`(?i)etcdctl\b[^\n]*snapshot save`)},
	{"etcd.restore", regexp.MustCompile(`(?i)etcd(?:ctl|utl)\b[^\n]*snapshot restore`)},
	{"kubernetes.scale", regexp.MustCompile(`(?i)(?:kubectl|oc)\b[^\n]*\bscale\b`)},
	{"kubernetes.rollout_wait", regexp.MustCompile(`(?i)kubectl\b[^\n]*rollout status`)},
	{"kubernetes.cordon", regexp.MustCompile(`(?i)kubectl\b[^\n]*\b(?:cordon|drain)\b`)},
	{"kubernetes.patch", regexp.MustCompile(`(?i)kubectl\b[^\n]*\b(?:patch|apply|set)\b`)},
	{"dns.update", regexp.MustCompile(`(?i)nsupdate|DNS[^\n]{0,16}(?:切り?替え|変更|更新|switch|updat|chang)`)},
	{"haproxy.set_state", regexp.MustCompile(`(?i)set server \S+ state|haproxy[^\n]{0,20}(?:drain|maint|切り?離し)`)},
	{"systemd.stop", regexp.MustCompile(`(?i)systemctl stop \S+|service \S+ stop`)},
	{"systemd.restart", regexp.MustCompile(`(?i)systemctl restart \S+|service \S+ restart`)},
	{"systemd.start", regexp.MustCompile(`(?i)systemctl start \S+|service \S+ start`)},
	{"systemd.status", regexp.MustCompile(`(?i)systemctl (?:status|is-active) \S+`)},
	{"file.copy", regexp.MustCompile(`(?i)\b(?:rsync|scp|robocopy)\b[^\n]*`)},
	{"http.check", regexp.MustCompile(`(?i)\b(?:curl|wget)\b[^\n]*https?://\S+|https?://\S+[^\n]{0,20}(?:200|表示|応答|アクセス)`)},
	{"exec.run", regexp.MustCompile(`(?im)^\s*[$#>]\s+\S+[^\n]*|\S+\.(?:sh|ps1|bat|py)\b[^\n]*|\b(?:ssh|sudo|crm|pcs|drbdadm|lvs|vgchange|mount|umount)\s+\S+[^\n]*`)},
}

// chances are at most three actions for what stands in a step; only such as there are.
func chances(text string, actions []string) []Chance {
	var out []Chance
	for _, c := range commands {
		found := c.in.FindString(text)
		if found == "" || !slices.Contains(actions, c.action) {
			continue
		}
		if c.action == "exec.run" && len(out) > 0 || len(out) == 3 {
			continue
		}
		out = append(out, Chance{Action: c.action, Found: short(found)})
	}
	return out
}

var (
	changing  = regexp.MustCompile(`(?i)停止|起動|切り?替え|変更|削除|昇格|遮断|切り?離|反映|登録|更新|適用|復元|リストア|移行|設定する|実行する|\b(?:stop|start|restart|switch|change|delete|remove|promote|restore|apply|update|disable|enable|block|isolate|kill)\b`)
	branching = regexp.MustCompile(`(?i)の場合|ならば|であれば|なければ|\bif\b|\bunless\b|\botherwise\b`)
)

func changes(text string) bool     { return changing.MatchString(text) }
func conditional(text string) bool { return branching.MatchString(text) }
