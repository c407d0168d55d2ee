package config

import "time"

// Security is how unauthorised access and change are found.
type Security struct {
	// Tell are the roles and people who hear of a security alarm; none is whoever may admin or audit.
	Tell []string `mapstructure:"tell"`
	// HoursFrom and HoursTo are the working hours of a working day, 15:04 in the estate's zone.
	HoursFrom string `mapstructure:"hours_from"`
	HoursTo   string `mapstructure:"hours_to"`
}

func securityKeys() []Key {
	return []Key{
		{"security.tell", "", "roles or people who are told of security alarms, comma-separated; empty is whoever may admin or audit", "セキュリティ警報を受け取る役割または要員 (カンマ区切り)。空ならadminまたはauditの権限を持つ人"},
		{"security.hours_from", "08:00", "when a working day begins, in the estate's time zone; break-glass outside is a security alarm", "業務時間の開始 (構成台帳のタイムゾーン)。時間外の緊急権限の使用はセキュリティ警報になる"},
		{"security.hours_to", "20:00", "when a working day ends", "業務時間の終了"},
	}
}

func (c Config) checkSecurity(say wrong) {
	from, err := time.Parse("15:04", c.Security.HoursFrom)
	if err != nil {
		say("security.hours_from", "%q is no time of day; write one such as 08:00", "%q は時刻ではありません。08:00 のように書いてください", c.Security.HoursFrom)
	}
	to, err2 := time.Parse("15:04", c.Security.HoursTo)
	switch {
	case err2 != nil:
		say("security.hours_to", "%q is no time of day; write one such as 20:00", "%q は時刻ではありません。20:00 のように書いてください", c.Security.HoursTo)
	case err == nil && !to.After(from):
		say("security.hours_to", "%s is not after security.hours_from (%s)", "%s は security.hours_from（%s）より後にしてください", c.Security.HoursTo, c.Security.HoursFrom)
	}
}
