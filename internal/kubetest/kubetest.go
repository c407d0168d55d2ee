// Package kubetest is a Kubernetes API server for tests, over HTTPS: it keeps objects
// with versions and generations, takes merge, strategic and JSON patches with their
// conflicts, checks a token and rights, and plays the controller of deployments. Its
// faults are the ones that real ones show.
package kubetest

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// Token is the one that is accepted.
const Token = "kubetest-token"

// Object is a JSON object.
type Object = map[string]any

// Server is the API server. Its fields may be set before it is used.
type Server struct {
	// Forbid says which verbs (get, list, patch, create, delete) of which resources are
	// forbidden, as "patch deployments".
	Forbid []string
	// Lag is how often a workload is read before its controller has done what its spec
	// says; so long its status is of the generation before, and as long again its pods
	// are being ended.
	Lag int
	// BeforePatch is called before a patch is looked at, without locks held: others
	// change objects there.
	BeforePatch func(n int)
	// BeforeDelete is the same of deletes, and may forbid them.
	BeforeDelete func(n int)
	// Deleted are the names of objects that were deleted, in order.
	Deleted []string
	// LoseAnswer ends the connection after the next patch or delete is done; Lie answers a patch
	// and does not do it.
	LoseAnswer, Lie bool
	// Linger has deleted pods stay, being ended, until End; the controller makes others beside them at once.
	Linger bool

	t        testing.TB
	http     *httptest.Server
	mu       sync.Mutex
	objects  map[string]Object // by path
	reads    map[string]int    // since the spec changed
	later    map[string]string // the paths of pods that came in place of lingering ones, by theirs
	version  int
	received int // patches
	deletes  int
	patched  int // patches that were done
}

// Start starts a server; it ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{t: t, objects: map[string]Object{}, reads: map[string]int{}, later: map[string]string{}, version: 100}
	s.http = httptest.NewUnstartedServer(s)
	s.http.EnableHTTP2 = true
	s.http.StartTLS()
	t.Cleanup(s.http.Close)
	return s
}

// URL is its address.
func (s *Server) URL() string { return s.http.URL }

// Kubeconfig leads to the server with the token.
func (s *Server) Kubeconfig(token string) string {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	config := Object{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []Object{{"name": "k", "cluster": Object{"server": s.http.URL, "certificate-authority-data": ca}}},
		"users":    []Object{{"name": "u", "user": Object{"token": token}}},
		"contexts": []Object{{"name": "c", "context": Object{"cluster": "k", "user": "u"}}},
	}
	b, err := json.Marshal(config)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// Put makes or replaces the object at a path such as
// /apis/apps/v1/namespaces/shop/deployments/orders, with a new version.
func (s *Server) Put(path string, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(path, clone(o))
}

func (s *Server) store(path string, o Object) {
	s.version++
	m := child(o, "metadata")
	m["name"], m["resourceVersion"] = path[strings.LastIndex(path, "/")+1:], strconv.Itoa(s.version)
	if m["generation"] == nil {
		m["generation"] = 1.0
	}
	if m["uid"] == nil {
		m["uid"] = "uid-" + strconv.Itoa(s.version)
	}
	if parts := strings.Split(path, "/"); slices.Contains(parts, "namespaces") && parts[len(parts)-2] != "namespaces" {
		m["namespace"] = parts[slices.Index(parts, "namespaces")+1]
	}
	if o["kind"] == nil { // nobody under test asks which
		o["kind"], o["apiVersion"] = "Any", "v1"
	}
	s.objects[path] = o
}

// Get is the object at a path; nil when it is not there.
func (s *Server) Get(path string) Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[path]; ok {
		return clone(o)
	}
	return nil
}

// Change edits an object as somebody else would.
func (s *Server) Change(path string, edit func(Object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := clone(s.objects[path])
	edit(o)
	s.store(path, o)
}

// Patches says how many patches came and how many were done.
func (s *Server) Patches() (received, done int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received, s.patched
}

// Deployment puts a deployment with its pods, all ready.
func (s *Server) Deployment(namespace, name string, replicas int) (path string) {
	path = "/apis/apps/v1/namespaces/" + namespace + "/deployments/" + name
	o := Object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": Object{"generation": 1.0, "labels": Object{"app": name}},
		"spec": Object{"replicas": float64(replicas), "selector": Object{"matchLabels": Object{"app": name}},
			"template": Object{"metadata": Object{"labels": Object{"app": name}}, "spec": Object{"containers": []any{Object{"name": "main", "image": "shop:1"}}}}},
		"status": Object{},
	}
	s.Put(path, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads[path] = 1 << 20
	s.control(path)
	return path
}

// control plays the controller, whenever a workload or its pods are read.
func (s *Server) control(path string) {
	o := s.objects[path]
	if o == nil || !strings.Contains(path, "/deployments/") {
		return
	}
	meta, spec, status := child(o, "metadata"), child(o, "spec"), child(o, "status")
	if s.reads[path]++; s.reads[path] <= s.Lag {
		return
	}
	want := spec["replicas"].(float64)
	namespace, name := meta["namespace"].(string), meta["name"].(string)
	for i := 0; ; i++ {
		pod := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s-%d", namespace, name, i)
		for s.later[pod] != "" {
			pod = s.later[pod]
		}
		now, there := s.objects[pod]
		switch {
		case i < int(want) && there && child(now, "metadata")["deletionTimestamp"] == nil:
			continue
		case i < int(want):
			s.store(pod, Object{"metadata": Object{"labels": Object{"app": name}}, "status": Object{"phase": "Running"}})
			continue
		case !there:
		case s.reads[path] > 2*s.Lag:
			delete(s.objects, pod)
			continue
		default:
			child(now, "metadata")["deletionTimestamp"] = "2026-11-24T00:00:00Z"
			continue
		}
		break
	}
	for _, f := range []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"} {
		if status[f] = want; want == 0 {
			delete(status, f)
		}
	}
	if status["observedGeneration"] != meta["generation"] {
		status["observedGeneration"] = meta["generation"]
		s.store(path, o)
	}
}

// ServeHTTP answers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized", "")
		return
	}
	path := r.URL.Path
	parts := strings.Split(strings.Trim(path, "/"), "/")
	// /api/v1/... or /apis/GROUP/VERSION/..., with or without namespaces/NAME.
	skip := 2
	if parts[0] == "apis" {
		skip = 3
	}
	if len(parts) > skip+2 && parts[skip] == "namespaces" {
		skip += 2
	}
	if len(parts) <= skip {
		http.NotFound(w, r)
		return
	}
	resource, name := parts[skip], strings.Join(parts[skip+1:], "/")
	verb := map[string]string{http.MethodGet: "get", http.MethodPatch: "patch", http.MethodPost: "create", http.MethodDelete: "delete"}[r.Method]
	if verb == "get" && name == "" {
		verb = "list"
	}
	if verb == "delete" && s.BeforeDelete != nil {
		s.mu.Lock()
		s.deletes++
		n := s.deletes
		s.mu.Unlock()
		s.BeforeDelete(n)
	}
	if slices.Contains(s.Forbid, verb+" "+resource) {
		fail(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("%s %q is forbidden: User \"drill\" cannot %s resource %q", resource, name, verb, resource), name)
		return
	}
	switch verb {
	case "create":
		s.review(w, r)
	case "list":
		s.list(w, r, path)
	case "get":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.control(path)
		if o, ok := s.objects[path]; ok {
			answer(w, http.StatusOK, o)
			return
		}
		if !slices.Contains([]string{"deployments", "statefulsets", "daemonsets", "pods", "nodes", "services", "secrets", "horizontalpodautoscalers"}, resource) {
			http.NotFound(w, r)
			return
		}
		fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", resource, name), name)
	case "patch":
		s.patch(w, r, path, resource, name)
	case "delete":
		s.remove(w, r, path, resource, name)
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", r.Method, name)
	}
}

func (s *Server) review(w http.ResponseWriter, r *http.Request) {
	var o Object
	_ = json.NewDecoder(r.Body).Decode(&o)
	asked := child(child(o, "spec"), "resourceAttributes")
	o["status"] = Object{"allowed": !slices.Contains(s.Forbid, fmt.Sprintf("%v %v", asked["verb"], asked["resource"]))}
	answer(w, http.StatusCreated, o)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, path string) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", err.Error(), "")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []Object{}
	for _, p := range sorted(s.objects) {
		rest, ok := strings.CutPrefix(p, path+"/")
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		set := labels.Set{}
		for k, v := range child(child(s.objects[p], "metadata"), "labels") {
			set[k] = fmt.Sprint(v)
		}
		if selector.Matches(set) {
			items = append(items, s.objects[p])
		}
	}
	answer(w, http.StatusOK, Object{"kind": "List", "apiVersion": "v1", "metadata": Object{"resourceVersion": strconv.Itoa(s.version)}, "items": items})
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request, path, resource, name string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.received++
	n := s.received
	s.mu.Unlock()
	if s.BeforePatch != nil {
		s.BeforePatch(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.objects[path]
	if !ok {
		fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", resource, name), name)
		return
	}
	before, err := json.Marshal(old)
	if err != nil {
		s.t.Error(err)
	}
	var after []byte
	switch kind := r.Header.Get("Content-Type"); kind {
	case "application/merge-patch+json":
		after, err = jsonpatch.MergePatch(before, body)
	case "application/strategic-merge-patch+json":
		after, err = strategicpatch.StrategicMergePatch(before, body, appsv1.Deployment{})
	case "application/json-patch+json":
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch(body); err == nil {
			after, err = p.Apply(before)
		}
	default:
		fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", kind, name)
		return
	}
	var next Object
	if err == nil {
		err = json.Unmarshal(after, &next)
	}
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "Invalid", "the server rejected our request due to an error in our request", name)
		return
	}
	had, has := child(old, "metadata")["resourceVersion"], child(next, "metadata")["resourceVersion"]
	if has != nil && has != had {
		fail(w, http.StatusConflict, "Conflict", fmt.Sprintf("Operation cannot be fulfilled on %s %q: the object has been modified; please apply your changes to the latest version and try again", resource, name), name)
		return
	}
	if s.Lie {
		answer(w, http.StatusOK, next)
		return
	}
	if a, b := marshal(old["spec"]), marshal(next["spec"]); !bytes.Equal(a, b) {
		m := child(next, "metadata")
		m["generation"] = m["generation"].(float64) + 1
		s.reads[path] = 0
	}
	s.store(path, next)
	s.patched++
	if s.LoseAnswer {
		s.LoseAnswer = false
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, next)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, code int, reason, message, name string) {
	answer(w, code, Object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code, "details": Object{"name": name}})
}

func child(o Object, key string) Object {
	c, ok := o[key].(Object)
	if !ok {
		c = Object{}
		o[key] = c
	}
	return c
}

func marshal(v any) []byte { b, _ := json.Marshal(v); return b }

func clone(o Object) Object {
	var out Object
	_ = json.Unmarshal(marshal(o), &out)
	return out
}

func sorted(m map[string]Object) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
