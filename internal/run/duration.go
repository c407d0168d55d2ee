package run

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a span as people write it ("30s", "2h30m", "1d") and as JSON and
// YAML hold it: a string. The zero value is "0s". Days are 24 hours.
type Duration time.Duration

// ParseDuration reads a Go duration, with "d" for days as a whole leading part
// ("1d", "1d12h"). Negative spans are refused.
func ParseDuration(s string) (Duration, error) {
	rest, days := s, time.Duration(0)
	for i := 0; i < len(s) && i < 6; i++ {
		if s[i] == 'd' && i > 0 {
			n := 0
			for _, c := range s[:i] {
				if c < '0' || c > '9' {
					return 0, fmt.Errorf("%q is not a duration such as 30s, 5m, 2h30m or 1d", s)
				}
				n = n*10 + int(c-'0')
			}
			days, rest = time.Duration(n)*24*time.Hour, s[i+1:]
			break
		}
	}
	var d time.Duration
	if rest != "" || days == 0 {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 30s, 5m, 2h30m or 1d", s)
		}
	}
	if d < 0 || d+days < 0 {
		return 0, fmt.Errorf("%q is negative", s)
	}
	return Duration(d + days), nil
}

func (d Duration) Std() time.Duration { return time.Duration(d) }

// Seconds is how reports give durations.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

// String drops zero tails: 5m rather than 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	for _, tail := range []string{"m0s", "h0m"} {
		if len(s) > len(tail) && s[len(s)-len(tail):] == tail {
			s = s[:len(s)-2]
		}
	}
	return s
}

func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is not a duration such as \"30s\"", b)
	}
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Bytes is a size as people write it ("16MB", "0B"). Units are binary: 1MB is
// 1,048,576 bytes, as PostgreSQL reads it.
type Bytes int64

// ParseBytes reads a whole number with one of B, kB, MB, GB, TB.
func ParseBytes(s string) (Bytes, error) {
	units := []struct {
		suffix string
		size   int64
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"KB", 1 << 10}, {"B", 1}}
	for _, u := range units {
		n := len(s) - len(u.suffix)
		if n <= 0 || s[n:] != u.suffix {
			continue
		}
		var v int64
		for _, c := range s[:n] {
			if c < '0' || c > '9' || v > (1<<62)/10 {
				return 0, fmt.Errorf("%q is not a size such as 16MB", s)
			}
			v = v*10 + int64(c-'0')
		}
		if v > (1<<62)/u.size {
			return 0, fmt.Errorf("%q is too large", s)
		}
		return Bytes(v * u.size), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 16MB", s)
}

func (b Bytes) String() string {
	for _, u := range []struct {
		suffix string
		size   Bytes
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}} {
		if b >= u.size && b%u.size == 0 {
			return fmt.Sprintf("%d%s", b/u.size, u.suffix)
		}
	}
	return fmt.Sprintf("%dB", int64(b))
}

func (b Bytes) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }

func (b *Bytes) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%s is not a size such as \"16MB\"", data)
	}
	v, err := ParseBytes(s)
	if err != nil {
		return err
	}
	*b = v
	return nil
}
