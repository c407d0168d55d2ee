package identity

// SourcesRemembered is how many addresses the count of failures holds.
func (s *Service) SourcesRemembered() int {
	s.failures.mu.Lock()
	defer s.failures.mu.Unlock()
	return len(s.failures.sources)
}
