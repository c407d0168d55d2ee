package evidence

import _ "embed"

// Readme goes into every bundle, in both languages.
//
//go:embed README.txt
var Readme string
