package engine

// FindBinary returns the path of muster-engine as Start would find it; given is
// Options.Binary.
func FindBinary(given string) (string, error) { return findBinary(given) }
