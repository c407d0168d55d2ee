// Package config holds the settings that every way of installing muster shares: one machine, containers,
// units of systemd.
package config

import "embed"

// Files are the settings, as they are installed.
//
//go:embed muster.yaml up.yaml temporal.yaml dynamic.yaml prometheus.yml prometheus-web.yml pg_hba.conf databases.sql
var Files embed.FS
