package kubetest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// remove deletes an object, at once unless it lingers; its workload's controller makes another one.
func (s *Server) remove(w http.ResponseWriter, r *http.Request, path, resource, name string) {
	var how struct {
		GracePeriodSeconds *int64
		Preconditions      struct{ UID string }
	}
	_ = json.NewDecoder(r.Body).Decode(&how)
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[path]
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", resource, name), name)
		return
	case how.Preconditions.UID != "" && how.Preconditions.UID != child(o, "metadata")["uid"]:
		fail(w, http.StatusConflict, "Conflict", fmt.Sprintf("Operation cannot be fulfilled on %s %q: the UID in the precondition does not match the UID in record", resource, name), name)
		return
	}
	s.Deleted = append(s.Deleted, name)
	if s.Linger && resource == "pods" {
		child(o, "metadata")["deletionTimestamp"] = "2026-11-24T00:00:00Z"
		s.later[path] = path + "-later"
	} else {
		delete(s.objects, path)
	}
	if s.LoseAnswer {
		s.LoseAnswer = false
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, o)
}

// End has the pods that linger be gone.
func (s *Server) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.later {
		delete(s.objects, path)
	}
}
