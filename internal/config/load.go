package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/plan"
)

// DefaultFile is read from the working directory when it is there.
const DefaultFile = "muster.yaml"

// Source says where settings come from.
type Source struct {
	// File is the settings file. "" is $MUSTER_CONFIG, then DefaultFile if there is one.
	File string
	// Flags that were set and are those of a key (Key.Flag) go before everything else.
	// nil is none.
	Flags *pflag.FlagSet
}

// Load reads the settings. Its error is of type Mistakes when a setting is wrong;
// every mistake is in it.
func Load(src Source) (Config, error) {
	v := viper.New()
	for _, k := range Keys() {
		v.SetDefault(k.Name, k.Default)
		// Each by its name: AutomaticEnv would take $MUSTER_ENCRYPTION for all of the section, and its keyring for none.
		if err := v.BindEnv(k.Name, variable(k.Name)); err != nil {
			return Config{}, err
		}
	}

	file := found(src.File)
	var mistakes Mistakes
	var alarms []Alarm
	stands := map[string]string{}
	if file != "" {
		values, list, bad := readFile(file, stands)
		alarms = list
		mistakes = append(mistakes, bad...)
		if err := v.MergeConfigMap(values); err != nil {
			mistakes.add("%s: %v", "%s: %v", file, err)
		}
	}
	if src.Flags != nil {
		for _, k := range Keys() {
			if f := src.Flags.Lookup(k.Flag()); f != nil && f.Changed {
				v.Set(k.Name, f.Value.String())
			}
		}
	}

	for _, k := range Keys() { // a flag goes before the environment, and that before the file
		if env := variable(k.Name); os.Getenv(env) != "" {
			stands[k.Name] = "$" + env
		}
		if src.Flags != nil {
			if f := src.Flags.Lookup(k.Flag()); f != nil && f.Changed {
				stands[k.Name] = "--" + f.Name
			}
		}
	}
	c := Config{File: file, stands: stands}
	if err := v.Unmarshal(&c); err != nil {
		mistakes.add("%s: %v", "%s: %v", place(file), err)
	}
	c.Alarms, c.Written = alarms, map[string]string{}
	for _, k := range Keys() {
		if value := v.GetString(k.Name); value != k.Default {
			c.Written[k.Name] = value
		}
	}
	c.Strays = c.strays(os.Environ())
	mistakes = append(mistakes, c.check()...)
	if len(mistakes) > 0 {
		return c, mistakes
	}
	return c, nil
}

// place is where a wrong value was given: a flag, the environment, or a line of the file.
func (c Config) place(key string) string {
	if at, ok := c.stands[key]; ok {
		return at
	}
	return place(c.File)
}

func place(file string) string {
	if file == "" {
		return "settings"
	}
	return file
}

// found is the settings file that counts; "" is none.
func found(file string) string {
	if file == "" {
		file = os.Getenv("MUSTER_CONFIG")
	}
	if file == "" {
		if _, err := os.Stat(DefaultFile); err == nil {
			file = DefaultFile
		}
	}
	return file
}

// Lang is the language that the settings file names, for what is said before the settings are read or
// when they are wrong; "" where it names none.
func Lang(file string) string {
	b, err := os.ReadFile(found(file))
	if err != nil {
		return "" // Load says so
	}
	var root yaml.Node
	if yaml.Unmarshal(b, &root) != nil || len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return ""
	}
	pairs := once(found(file), "", root.Content[0], &Mistakes{})
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == "lang" {
			return pairs[i+1].Value
		}
	}
	return ""
}

// readFile reads the settings file as a tree and refuses keys that do not exist, with
// their place: viper itself would ignore them. Where each value stands is noted.
func readFile(file string, stands map[string]string) (map[string]any, []Alarm, Mistakes) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, one("%s: can't be read: %v; correct --config or create it", "%s: 読み込めません（%v）。--config を直すか、ファイルを作成してください", file, err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, nil, one("%s: is no YAML: %v", "%s: YAMLとして読み取れません（%v）", file, err)
	}
	if len(root.Content) == 0 {
		return nil, nil, nil
	}
	top := root.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, nil, one("%s:%d:%d: settings are written as `key: value`", "%s:%d:%d: 設定は `key: value` の形で書いてください", file, top.Line, top.Column)
	}
	var bad Mistakes
	var alarms []Alarm
	top.Content = once(file, "", top, &bad)
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == alarmsKey {
			alarms = readAlarms(file, top.Content[i+1], &bad)
			top.Content = slices.Delete(top.Content, i, i+2)
			break
		}
	}
	values := readMap(file, "", top, stands, &bad)
	return values, alarms, bad
}

// once is a map's keys and values without those that are there again, each of which is a mistake: one of the two would count,
// the other would silently not.
func once(file, prefix string, node *yaml.Node, bad *Mistakes) []*yaml.Node {
	var out []*yaml.Node
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if line, again := first[key.Value]; again {
			bad.add("%s:%d:%d: %s is there twice, first on line %d; keep one, with all that belongs under it", "%s:%d:%d: %s が2回書かれています（最初は%d行目）。ひとつにまとめてください", file, key.Line, key.Column, prefix+key.Value, line)
			continue
		}
		first[key.Value] = key.Line
		out = append(out, key, node.Content[i+1])
	}
	return out
}

func readMap(file, prefix string, node *yaml.Node, stands map[string]string, bad *Mistakes) map[string]any {
	values := map[string]any{}
	pairs := once(file, prefix, node, bad)
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		name := prefix + key.Value
		at := fmt.Sprintf("%s:%d:%d", file, key.Line, key.Column)
		section := hasPrefix(name + ".")
		switch {
		case !section && !isKey(name):
			bad.add("%s: unknown setting %q%s", "%s: 不明な設定 %q%s", at, name, meant(key.Value, siblings(prefix)))
		case section && value.Kind == yaml.MappingNode:
			values[key.Value] = readMap(file, name+".", value, stands, bad)
		case section:
			bad.add("%s: %s holds settings of its own: %s", "%s: %s の下には次の設定を書きます: %s", at, name, strings.Join(siblings(name+"."), ", "))
		case value.Kind != yaml.ScalarNode:
			bad.add("%s: %s is one value", "%s: %s に書けるのは値ひとつです", at, name)
		default:
			values[key.Value], stands[name] = value.Value, at
		}
	}
	return values
}

func isKey(name string) bool {
	for _, k := range Keys() {
		if k.Name == name {
			return true
		}
	}
	return false
}

func hasPrefix(prefix string) bool {
	for _, k := range Keys() {
		if strings.HasPrefix(k.Name, prefix) {
			return true
		}
	}
	return false
}

// siblings lists the names that may follow a prefix, one level deep.
func siblings(prefix string) []string {
	seen := map[string]bool{}
	for _, k := range Keys() {
		if rest, ok := strings.CutPrefix(k.Name, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			seen[first] = true
		}
	}
	if prefix == "" {
		seen[alarmsKey] = true
	}
	var out []string
	for name := range seen {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// check judges the values.
func (c Config) check() Mistakes {
	var bad Mistakes
	say := func(key, en, ja string, args ...any) {
		bad.add("%s: %s: %s", "%s: %s: %s", c.place(key), key, plan.Say(en, ja, args...))
	}
	oneOf := func(key, value string, allowed ...string) {
		for _, a := range allowed {
			if a == value {
				return
			}
		}
		say(key, "%q is none of %s", "%q は使えません。使えるもの: %s", value, strings.TrimPrefix(strings.Join(allowed, ", "), ", "))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		say("listen", "%q is not host:port, such as 127.0.0.1:7700", "%q は host:port の形ではありません。127.0.0.1:7700 のように書いてください", c.Listen)
	}
	if c.Server != "" {
		if u, err := url.Parse(c.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			say("server", "%q is not a URL such as http://127.0.0.1:7700", "%q は http://127.0.0.1:7700 のようなURLではありません", c.Server)
		}
	}
	if c.Temporal.Address != "" {
		if _, _, err := net.SplitHostPort(c.Temporal.Address); err != nil {
			say("temporal.address", "%q is not host:port, such as temporal.example.com:7233", "%q は host:port の形ではありません。temporal.example.com:7233 のように書いてください", c.Temporal.Address)
		}
	}
	if c.Temporal.APIKey != "" && !strings.HasPrefix(c.Temporal.APIKey, "secret://") {
		say("temporal.api_key", "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
	}
	if c.Temporal.PinRuns && c.Embedded() {
		say("temporal.pin_runs", "is for an engine of your own, beside which servers of two versions can be up; name it as temporal.address, or leave pin_runs out: the embedded engine's runs go on by replay, which `muster upgrade-check` tries before",
			"自前のTemporal向けの設定です（新旧2つの版のサーバーを並行稼働させるため）。temporal.address を指定するか、pin_runs を外してください。内蔵エンジンでは履歴の再生で新しい版に引き継がれ、`muster upgrade-check` で事前に確認できます")
	}
	if (c.Temporal.TLS.CertFile == "") != (c.Temporal.TLS.KeyFile == "") {
		say("temporal.tls", "cert_file (%q) and key_file (%q) are given together or not at all", "cert_file（%q）と key_file（%q）は、両方書くか、どちらも書かないでください", c.Temporal.TLS.CertFile, c.Temporal.TLS.KeyFile)
	}
	if c.HealthListen != "" {
		if _, _, err := net.SplitHostPort(c.HealthListen); err != nil {
			say("health_listen", "%q is not host:port, such as 127.0.0.1:7702", "%q は host:port の形ではありません。127.0.0.1:7702 のように書いてください", c.HealthListen)
		}
	}
	if c.Gateway.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Gateway.Listen); err != nil {
			say("gateway.listen", "%q is not host:port, such as 0.0.0.0:7701", "%q は host:port の形ではありません。0.0.0.0:7701 のように書いてください", c.Gateway.Listen)
		}
		if !c.Embedded() {
			say("gateway.listen", "the gateway leads to the embedded engine, and temporal.address names another; let workers reach that one themselves",
				"ゲートウェイは内蔵エンジンにつながりますが、temporal.address は別のエンジンを指しています。ワーカーからそのエンジンへ直接接続してください")
		}
	} else if len(c.Gateway.Names) > 0 {
		say("gateway.names", "without gateway.listen no worker is let in; add it, such as 0.0.0.0:7701", "gateway.listen がないと、ワーカーは接続できません。0.0.0.0:7701 のように追加してください")
	}
	if c.Data == "" {
		say("data", "is empty; name a directory", "空です。ディレクトリを指定してください")
	}
	if c.Plans == "" {
		say("plans", "is empty; name a directory, such as . for the one you are in", "空です。ディレクトリを指定してください（現在のディレクトリなら .）")
	}
	if c.CheckEvery < 0 || c.CheckEvery > 0 && c.CheckEvery < time.Minute {
		say("check_every", "%s is too often; write a minute or more, such as 24h, or 0s for never", "%s は間隔が短すぎます。24h のように1分以上にするか、行わないなら 0s にしてください", c.CheckEvery)
	}
	if c.People.Keep < 0 {
		say("people.keep", "%s lies before the run's end; write a span such as 720h, or 0s to erase at the end", "%s は実施の終了より前になります。720h のような期間か、終了時に消去するなら 0s にしてください", c.People.Keep)
	}
	c.checkStore(say)
	c.checkEvidence(say)
	c.checkChannels(say, oneOf)
	c.checkIdentity(say)
	c.checkSecurity(say)
	c.checkDoor(say)
	c.checkEncryption(say)
	c.checkVault(say, oneOf)
	c.checkCloud(say)
	c.checkBundle(say)
	if c.Lang != "" && c.Lang != "en" && c.Lang != "ja" { // whoever asks for a third one may read either of the two
		say("lang", "%[1]q is none of en, ja · %[1]q は使えません。使えるもの: en（英語）, ja（日本語）", "%[1]q は使えません。使えるもの: en（英語）, ja（日本語） · %[1]q is none of en, ja", c.Lang)
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	return bad
}
