package redis

import (
	"context"
	"os"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
)

// keep has a server write what it is into its configuration file, so that a restart does
// not undo it, and reports whether it did. A server that can't falls short when it must,
// and is logged otherwise.
func keep(ctx context.Context, c *redislink.Conn, t Target, must bool) (bool, error) {
	_, err := c.Do(ctx, "CONFIG", "REWRITE")
	switch {
	case err == nil:
		return true, nil
	case redislink.Code(err) == "":
		return false, err
	case must:
		return false, activities.FindingBoth("server %s follows now, and may be a second master after a restart, since it can't rewrite its configuration file: %v; let it write the file, or put replicaof there by hand, and do the step again, or say restart: false if nothing can restart it",
			"サーバー %s は現在追従しているが、設定ファイルを書き換えられないため、再起動すると2台目のマスターになるおそれがある：%v。サーバーがファイルに書き込めるようにするか、手動で replicaof を記載してからステップを再実行する。再起動されることがなければ restart: false を指定する", t.Name, err)
	}
	activities.Log(ctx).Warn("the server can't rewrite its configuration file: a restart undoes what was changed", "server", t.Name, "err", err)
	return false, nil
}

// forgets says why a server that follows from now on, and has to after a restart, would not:
// it was started without a file that it could write that into. Empty is nothing.
func forgets(t Target, now view, must bool) plan.Text {
	if now.Config != "" || !must {
		return plan.Text{}
	}
	return activities.Lacking("server %s was started without a configuration file: a restart would make it a second master; start it with one that it may write, or say restart: false if nothing can restart it",
		"サーバー %s は設定ファイルなしで起動されており、再起動すると2台目のマスターになります。書き込み可能な設定ファイルを指定して起動するか、再起動されることがなければ restart: false を指定してください", t.Name)
}

// followsInFile reports whether the configuration file of a server says that it follows
// whom it follows now, and otherwise why that is not so, or can't be seen from here.
func followsInFile(t Target, now view) (bool, plan.Text) {
	if !redislink.Here(t) {
		return false, activities.Lacking("%s follows, and whether its configuration file says so can't be seen from here; the step done again has it written", "%s は追従しているが、設定ファイルに反映済みかどうかはここから確認できない。ステップを再実行すると書き込まれる", t.Name)
	}
	b, err := os.ReadFile(t.Spec.Config)
	if err != nil {
		return false, activities.Lacking("%s follows, and its configuration file can't be read: %v", "%s は追従しているが、設定ファイルを読み取れない：%v", t.Name, err)
	}
	if upstreamIn(string(b)) != now.Upstream {
		return false, activities.Lacking("%s follows, and its configuration file does not say so: a restart would make it a master", "%s は追従しているが、設定ファイルに反映されておらず、再起動するとマスターに戻る", t.Name)
	}
	return true, plan.Text{}
}

// leadsInFile reports whether the configuration file of a master is here and makes it one.
func leadsInFile(t Target) bool {
	b, err := os.ReadFile(t.Spec.Config)
	return redislink.Here(t) && err == nil && upstreamIn(string(b)) == ""
}

// upstreamIn is whom a server with this configuration file follows, as host:port; "" is
// nobody. The last line counts, as the server has it.
func upstreamIn(conf string) (upstream string) {
	for line := range strings.Lines(conf) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "replicaof", "slaveof":
			upstream = strings.Trim(words[1], `"'`) + ":" + strings.Trim(words[2], `"'`)
			if strings.EqualFold(upstream, "no:one") {
				upstream = ""
			}
		}
	}
	return upstream
}
