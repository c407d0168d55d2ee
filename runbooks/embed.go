// Package runbooks holds the runbooks that are shipped.
package runbooks

import "embed"

// FS holds the files by name.
//
//go:embed *.yaml
var FS embed.FS
