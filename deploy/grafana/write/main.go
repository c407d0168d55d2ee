// Command write makes Grafana's dashboard in the folder given, in English and in Japanese.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for lang, file := range map[int]string{en: "muster.json", ja: "muster.ja.json"} {
		b, err := json.MarshalIndent(dashboard(lang), "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], file), append(b, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

type object = map[string]any

// source is the data source that whoever looks has chosen.
var source = object{"type": "prometheus", "uid": "${datasource}"}

func dashboard(lang int) object {
	var panels []object
	id, y := 0, 0
	for _, r := range rows {
		id++
		panels = append(panels, object{"id": id, "type": "row", "title": r.title[lang], "collapsed": false, "panels": []any{}, "gridPos": object{"h": 1, "w": 24, "x": 0, "y": y}})
		y++
		x, high := 0, 0
		for _, p := range r.panels {
			id++
			if x+p.w > 24 {
				x, y = 0, y+high
			}
			high = p.high()
			panels = append(panels, p.object(lang, id, x, y))
			x += p.w
		}
		y += high
	}
	return object{
		"uid": []string{"muster-overview", "muster-overview-ja"}[lang], "title": []string{"muster", "muster（日本語）"}[lang], "tags": []string{"muster"},
		"description":   []string{"What is proven, what is overdue, and how the parts of muster are. Drills and responses alike.", "立証の状況、期限超過、muster各部の状態。訓練と対応の両方を含みます。"}[lang],
		"schemaVersion": 39, "version": 1, "editable": true, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
		"time": object{"from": "now-7d", "to": "now"}, "panels": panels, "annotations": object{"list": []any{}},
		"links": []any{},
		"templating": object{"list": []object{{"name": "datasource", "type": "datasource", "query": "prometheus", "label": []string{"Data source", "データソース"}[lang],
			"hide": 0, "includeAll": false, "multi": false, "regex": "", "refresh": 1, "options": []any{}, "current": object{"text": "default", "value": "default", "selected": true}}}},
	}
}

func (p panel) high() int {
	if p.kind == "stat" {
		return 4
	}
	return 8
}

func (p panel) object(lang, id, x, y int) object {
	var targets []object
	for i, q := range p.queries {
		t := object{"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend[lang], "editorMode": "code", "range": p.kind != "stat" && p.kind != "bargauge", "instant": p.kind == "stat" || p.kind == "bargauge"}
		targets = append(targets, t)
	}
	defaults := object{"unit": p.unit[lang], "noValue": []string{"none", "なし"}[lang], "color": object{"mode": "palette-classic"}, "custom": object{}, "mappings": []any{}}
	if p.steps != nil {
		defaults["color"] = object{"mode": "thresholds"}
		defaults["thresholds"] = object{"mode": "absolute", "steps": p.steps}
	}
	if p.least != nil {
		defaults["min"] = *p.least
	}
	if p.most != nil {
		defaults["max"] = *p.most
	}
	if p.whole {
		defaults["decimals"] = 0
	}
	options := object{}
	switch p.kind {
	case "stat":
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "values": false, "fields": ""}, "colorMode": "background", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard"}
	case "bargauge":
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "values": false, "fields": ""}, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color", "namePlacement": "auto", "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 40, "text": object{"titleSize": 14, "valueSize": 16}, "legend": object{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []any{}}}
	case "timeseries":
		options = object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []any{}}, "tooltip": object{"mode": "multi", "sort": "desc"}}
		defaults["custom"] = object{"lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": false}
	}
	overrides := []object{}
	for _, o := range p.overrides {
		overrides = append(overrides, o(lang))
	}
	return object{"id": id, "type": p.kind, "title": p.title[lang], "description": p.says[lang], "datasource": source, "targets": targets, "options": options,
		"fieldConfig": object{"defaults": defaults, "overrides": overrides}, "gridPos": object{"h": p.high(), "w": p.w, "x": x, "y": y}}
}
