// Package scenarios holds the estate and the scenarios that are shipped.
package scenarios

import "embed"

// FS holds the files by name.
//
//go:embed *.yaml
var FS embed.FS
