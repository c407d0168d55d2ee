// Package dnsname makes the full name of a record from a zone's and a name within it, the
// same for the action that updates it and for the command that a person types instead.
package dnsname

import "strings"

// Fqdn is a name in lower case with the dot at its end.
func Fqdn(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") + "." }

// Full is the full name of name in zone. Nothing and @ are the zone itself, and a name that
// ends with the zone's, with its last dot or without, is full already.
func Full(zone, name string) string {
	zone = Fqdn(zone)
	if name == "" || name == "@" {
		return zone
	}
	full := Fqdn(name)
	switch {
	case zone == ".":
		return full
	case full == zone || strings.HasSuffix(full, "."+zone):
		return full
	}
	return full + zone
}
