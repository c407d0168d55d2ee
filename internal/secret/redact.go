package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Mark stands where a secret was.
const Mark = "***"

// minTrace is the shortest text that counts as a trace of a secret; a shorter part of
// an encoding would hit innocent text.
const minTrace = 4

// Redactor removes values from what is written down, as they are and in the encodings
// that programs print them in: JSON, URL, HTML, shells' quotes, hexadecimal and base64, all of
// these also of UTF-16, alone or inside a longer text, wrapped over lines or not. It is safe for concurrent use.
type Redactor struct {
	mu     sync.RWMutex
	known  map[string]bool
	traces set // texts by which a value shows
	bare   set // the same without white space, for text that was wrapped
}

// Add makes the redactor know a value. Values shorter than what Local hands out are
// ignored.
func (r *Redactor) Add(value string) {
	if len(value) < minLength {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[value] {
		return
	}
	if r.known == nil {
		r.known, r.traces, r.bare = map[string]bool{}, set{}, set{}
	}
	r.known[value] = true
	for _, t := range traces(value) {
		r.traces.add(t)
		if b, _ := unwrap(t); len(b) > minTrace {
			r.bare.add(b)
		}
	}
}

func (r *Redactor) knows() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.traces) > 0
}

// Text returns s with Mark in place of every known value.
func (r *Redactor) Text(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.traces) == 0 {
		return s
	}
	hidden := spans(r.traces, s, nil)
	if strings.ContainsAny(s, "\r\n") {
		joined, at := unwrap(s)
		hidden = append(hidden, spans(r.bare, joined, at)...)
	}
	if len(hidden) == 0 {
		return s
	}
	sort.Slice(hidden, func(i, j int) bool { return hidden[i].from < hidden[j].from })
	var b strings.Builder
	end := 0
	for _, h := range hidden {
		if h.from >= end {
			b.WriteString(s[end:h.from])
			b.WriteString(Mark)
		}
		end = max(end, h.to)
	}
	b.WriteString(s[end:])
	return b.String()
}

type span struct{ from, to int }

// set is texts to be found, by their first minTrace bytes.
type set map[[minTrace]byte][]string

func (t set) add(text string) {
	if len(text) < minTrace {
		return
	}
	if key := [minTrace]byte([]byte(text[:minTrace])); !slices.Contains(t[key], text) {
		t[key] = append(t[key], text)
	}
}

// spans finds all traces in s. at gives, for a position in s, the position in the
// text that s was made from; nil when it is that text.
func spans(traces set, s string, at []int) []span {
	var out []span
	for i := 0; i+minTrace <= len(s); i++ {
		for _, t := range traces[[minTrace]byte([]byte(s[i:i+minTrace]))] {
			if !strings.HasPrefix(s[i:], t) {
				continue
			}
			h := span{i, i + len(t)}
			if at != nil {
				h = span{at[h.from], at[h.to-1] + 1}
			}
			out = append(out, h)
		}
	}
	return out
}

// unwrap drops line ends and blanks from s, and says where each byte left came from.
func unwrap(s string) (string, []int) {
	joined, at := make([]byte, 0, len(s)), make([]int, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; c {
		case '\n', '\r', ' ', '\t':
		default:
			joined, at = append(joined, c), append(at, i)
		}
	}
	return string(joined), at
}

// JSON returns a JSON document with Mark in place of every known value inside its
// strings and keys. Numbers and words that are a known value as a whole become Mark too.
func (r *Redactor) JSON(doc json.RawMessage) (json.RawMessage, error) {
	r.mu.RLock()
	known := len(r.traces) > 0
	r.mu.RUnlock()
	if !known || len(doc) == 0 {
		return doc, nil
	}
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(r.value(v))
}

func (r *Redactor) value(v any) any {
	switch v := v.(type) {
	case string:
		return r.Text(v)
	case json.Number:
		if s := r.Text(v.String()); s != v.String() {
			return s
		}
		return v
	case []any:
		for i := range v {
			v[i] = r.value(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[r.Text(k)] = r.value(e)
		}
		return out
	}
	return v
}

// traces lists the texts by which a value shows.
func traces(value string) []string {
	var out []string
	add := func(s string) {
		if len(s) >= minTrace {
			out = append(out, s)
		}
	}
	add(value)
	for _, s := range parts(value) {
		add(s)
		add(strings.ToValidUTF8(s, "\uFFFD"))
		for _, escapeHTML := range []bool{true, false} {
			quoted := quote(s, escapeHTML)
			add(quoted)
			add(quote(quoted, escapeHTML)) // JSON inside JSON
		}
		for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s)} {
			add(escaped)
			add(percent.ReplaceAllStringFunc(escaped, strings.ToLower))
		}
		add(html.EscapeString(s))
		for _, quoted := range shellQuoted(s) {
			add(quoted)
		}
		little, big := wide(s)
		add(little)
		add(big)
		for _, raw := range []string{s, little, big} {
			for _, digits := range []string{hex.EncodeToString([]byte(raw)), strings.ToUpper(hex.EncodeToString([]byte(raw)))} {
				add(digits)
				for _, between := range []string{" ", ":", `\x`, ", 0x"} {
					add(apart(digits, between))
				}
			}
			for offset := range 3 {
				add(inBase64(base64.RawStdEncoding, raw, offset))
				add(inBase64(base64.RawURLEncoding, raw, offset))
			}
		}
	}
	return out
}

// shellQuoted is s as shells and their tools print it: in single quotes, or escaped character by
// character.
func shellQuoted(s string) []string {
	var escaped strings.Builder
	for _, c := range s {
		if c < utf8.RuneSelf && c != '_' && !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(c)
	}
	tame := strings.NewReplacer("\\/", "/", "\\.", ".", "\\-", "-", "\\+", "+", "\\=", "=", "\\%", "%", "\\:", ":", "\\@", "@", "\\,", ",")
	return []string{strings.ReplaceAll(s, "'", `'\''`), strings.ReplaceAll(s, "'", `'"'"'`), escaped.String(),
		tame.Replace(escaped.String()), // bash's %q leaves these
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)}
}

// wide is s in UTF-16, as Windows' tools print it and PowerShell takes its commands.
func wide(s string) (little, big string) {
	var l, b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		l, b = append(l, byte(u), byte(u>>8)), append(b, byte(u>>8), byte(u))
	}
	return string(l), string(b)
}

// apart puts something between the bytes of a text in hexadecimal.
func apart(digits, between string) string {
	var b strings.Builder
	for i := 0; i+1 < len(digits); i += 2 {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// parts cuts a value into stretches, so that a part of a long one is found as well,
// and of a key in several lines each line.
func parts(value string) []string {
	out := stretches(value)
	lines := strings.FieldsFunc(value, func(c rune) bool { return c == '\n' || c == '\r' })
	if len(lines) < 2 {
		return out
	}
	for _, line := range lines {
		if len(line) >= 12 && !strings.HasPrefix(line, "-----") { // else it is found in innocent text
			out = append(out, stretches(line)...)
		}
	}
	return out
}

func stretches(s string) []string {
	const length = 64
	var out []string
	for len(s) > 2*length {
		cut := length
		for !utf8.RuneStart(s[cut]) && cut < length+utf8.UTFMax {
			cut++
		}
		out, s = append(out, s[:cut]), s[cut:]
	}
	return append(out, s)
}

func quote(s string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(s) != nil {
		return s
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	return quoted[1 : len(quoted)-1]
}

// inBase64 returns the characters that s always gives when it begins offset bytes
// after a multiple of three in the encoded text; those at its ends also depend on
// what stands beside it.
func inBase64(e *base64.Encoding, s string, offset int) string {
	encoded := e.EncodeToString(append(make([]byte, offset), s...))
	return encoded[(offset*8+5)/6 : (offset+len(s))*8/6]
}
