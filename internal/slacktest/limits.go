package slacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// limits says which of Slack's limits blocks break; "" is none.
func limits(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return "no list of blocks: " + err.Error()
	}
	if len(blocks) > 50 {
		return fmt.Sprintf("%d blocks, at most 50", len(blocks))
	}
	var flat bytes.Buffer
	plain := json.NewEncoder(&flat)
	plain.SetEscapeHTML(false)
	_ = plain.Encode(blocks)
	if n := len([]rune(flat.String())); n > 13200 {
		return fmt.Sprintf("%d characters in all, at most about 13,200", n)
	}
	ids := map[string]bool{}
	for i, b := range blocks {
		if id, _ := b["block_id"].(string); id != "" {
			if ids[id] || len(id) > 255 {
				return "block_id " + id + " twice or too long"
			}
			ids[id] = true
		}
		if err := block(b); err != "" {
			return fmt.Sprintf("block %d: %s", i, err)
		}
	}
	return ""
}

func block(b map[string]any) string {
	switch kind := b["type"]; kind {
	case "header":
		return text(b["text"], 150, "plain_text")
	case "section":
		if b["text"] == nil && b["fields"] == nil {
			return "a section without text"
		}
		if err := text(b["text"], 3000, ""); b["text"] != nil && err != "" {
			return err
		}
		fields, _ := b["fields"].([]any)
		if len(fields) > 10 {
			return "more than 10 fields"
		}
		for _, f := range fields {
			if err := text(f, 2000, ""); err != "" {
				return err
			}
		}
		if a, ok := b["accessory"].(map[string]any); ok {
			return element(a)
		}
	case "context":
		list, _ := b["elements"].([]any)
		if len(list) == 0 || len(list) > 10 {
			return fmt.Sprintf("%d elements in a context, 1 to 10", len(list))
		}
		for _, e := range list {
			if err := text(e, 2000, ""); err != "" {
				return err
			}
		}
	case "actions":
		list, _ := b["elements"].([]any)
		if len(list) == 0 || len(list) > 25 {
			return fmt.Sprintf("%d elements in actions, 1 to 25", len(list))
		}
		seen := map[any]bool{}
		for _, e := range list {
			el, _ := e.(map[string]any)
			if seen[el["action_id"]] {
				return fmt.Sprintf("action_id %v twice", el["action_id"])
			}
			seen[el["action_id"]] = true
			if err := element(el); err != "" {
				return err
			}
		}
	case "input":
		if err := text(b["label"], 2000, "plain_text"); err != "" {
			return err
		}
		el, _ := b["element"].(map[string]any)
		return element(el)
	case "divider":
	default:
		return fmt.Sprintf("type %v", kind)
	}
	return ""
}

func element(e map[string]any) string {
	if id, _ := e["action_id"].(string); id == "" || len(id) > 255 {
		return "an element without a good action_id"
	}
	switch e["type"] {
	case "button":
		if err := text(e["text"], 75, "plain_text"); err != "" {
			return err
		}
		if v, _ := e["value"].(string); len([]rune(v)) > 2000 {
			return "a value longer than 2,000"
		}
		if u, _ := e["url"].(string); len(u) > 3000 {
			return "a URL longer than 3,000"
		}
		if c, ok := e["confirm"].(map[string]any); ok {
			for key, most := range map[string]int{"title": 100, "text": 300, "confirm": 30, "deny": 30} {
				if err := text(c[key], most, ""); err != "" {
					return "confirm: " + key + ": " + err
				}
			}
		}
	case "static_select", "radio_buttons", "checkboxes":
		options, _ := e["options"].([]any)
		most := map[any]int{"static_select": 100, "radio_buttons": 10, "checkboxes": 10}[e["type"]]
		if len(options) == 0 || len(options) > most {
			return fmt.Sprintf("%d options", len(options))
		}
		for _, o := range options {
			option, _ := o.(map[string]any)
			if err := text(option["text"], 75, ""); err != "" {
				return err
			}
			if v, _ := option["value"].(string); v == "" || len([]rune(v)) > 150 {
				return "an option's value is empty or longer than 150"
			}
		}
	case "plain_text_input":
	default:
		return fmt.Sprintf("element %v", e["type"])
	}
	return ""
}

func text(v any, most int, kind string) string {
	t, ok := v.(map[string]any)
	if !ok {
		return "no text"
	}
	s, _ := t["text"].(string)
	if n := len([]rune(s)); n == 0 || n > most {
		return fmt.Sprintf("a text of %d characters, 1 to %d", n, most)
	}
	if kind != "" && t["type"] != kind {
		return fmt.Sprintf("a text of type %v", t["type"])
	}
	return ""
}
