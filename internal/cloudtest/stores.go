package cloudtest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// aws is AWS Secrets Manager.
func (c *Clouds) aws(w http.ResponseWriter, r *http.Request, body []byte, fault Fault) {
	fail := func(status int, kind, message string) {
		reply(w, "application/x-amz-json-1.1", status, map[string]string{"__type": kind, "Message": message})
	}
	if r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
		fail(400, "UnknownOperationException", "")
		return
	}
	switch key, right := signed(r, body); {
	case key != AWSKeyID:
		fail(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	case !right:
		// The real one may repeat what it was shown.
		fail(403, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided with "+AWSSecretKey+"-wrong. Check your AWS Secret Access Key.")
		return
	}
	var in struct{ SecretId string }
	_ = json.Unmarshal(body, &in)
	value, there := c.look("aws/" + in.SecretId)
	switch {
	case fault == Forbidden:
		fail(400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/osaka is not authorized to perform: secretsmanager:GetSecretValue on resource: "+in.SecretId)
	case fault == Throttled:
		fail(400, "ThrottlingException", "Rate exceeded")
	case fault == Broken:
		fail(503, "ServiceUnavailableException", "")
	case fault == Garbage:
		_, _ = fmt.Fprintf(w, `{"SecretString": [%q`, value)
	case !there:
		fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	case value == "":
		fail(400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	default:
		reply(w, "application/x-amz-json-1.1", 200, map[string]any{"ARN": in.SecretId, "Name": in.SecretId, "SecretString": value, "VersionId": "v1", "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": 1.7e9})
	}
}

// signed is whose key a request was signed with, and whether the signature (version 4) is right.
func signed(r *http.Request, body []byte) (key string, right bool) {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return "", false
	}
	part := map[string]string{}
	for _, p := range strings.Split(rest, ", ") {
		name, value, _ := strings.Cut(p, "=")
		part[name] = value
	}
	key, scope, _ := strings.Cut(part["Credential"], "/")
	day, _, _ := strings.Cut(scope, "/")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 5*time.Minute || at.Format("20060102") != day || scope != day+"/"+AWSRegion+"/secretsmanager/aws4_request" {
		return key, false
	}
	headers := ""
	for _, name := range strings.Split(part["SignedHeaders"], ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.Itoa(len(body))
		}
		headers += name + ":" + strings.TrimSpace(value) + "\n"
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers, part["SignedHeaders"], digest(body)}, "\n")
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + digest([]byte(canonical))
	sum := []byte("AWS4" + AWSSecretKey)
	for _, s := range append(strings.Split(scope, "/"), text) {
		mac := hmac.New(sha256.New, sum)
		mac.Write([]byte(s))
		sum = mac.Sum(nil)
	}
	return key, hmac.Equal([]byte(hex.EncodeToString(sum)), []byte(part["Signature"]))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// WriteAccount writes the key file of a Google service account.
func (c *Clouds) WriteAccount(t testing.TB, file string, key *rsa.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "orders", "private_key_id": "k1", "client_id": "1", "client_email": "osaka@orders.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token"})
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, b)
}

func (c *Clouds) googleToken(w http.ResponseWriter, body []byte) {
	form, _ := url.ParseQuery(string(body))
	parts := strings.Split(form.Get("assertion"), ".")
	right := form.Get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" && len(parts) == 3
	if right {
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		right = err == nil && rsa.VerifyPKCS1v15(&c.key.PublicKey, crypto.SHA256, sum[:], signature) == nil
	}
	if !right {
		reply(w, "application/json", 400, map[string]string{"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
		return
	}
	reply(w, "application/json", 200, map[string]any{"access_token": bearer, "token_type": "Bearer", "expires_in": 3599})
}

// google is Google Secret Manager.
func (c *Clouds) google(w http.ResponseWriter, r *http.Request, fault Fault) {
	fail := func(code int, status, message string) {
		reply(w, "application/json; charset=UTF-8", code, map[string]any{"error": map[string]any{"code": code, "message": message, "status": status}})
	}
	name, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1/"), ":access")
	part := strings.Split(name, "/")
	switch {
	case r.Method != http.MethodGet || !ok || len(part) != 6 || part[0] != "projects" || part[2] != "secrets" || part[4] != "versions":
		fail(404, "NOT_FOUND", "no such method")
		return
	case r.Header.Get("Authorization") != "Bearer "+bearer:
		fail(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		return
	}
	value, there := c.look("gcp/" + part[1] + "/" + part[3] + "/" + part[5])
	crc := crc32.Checksum([]byte(value), crc32.MakeTable(crc32.Castagnoli))
	switch {
	case fault == Forbidden:
		fail(403, "PERMISSION_DENIED", "Permission 'secretmanager.versions.access' denied for resource '"+name+"' (or it may not exist).")
	case fault == Throttled:
		fail(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Access requests'.")
	case fault == Broken:
		fail(503, "UNAVAILABLE", "The service is currently unavailable.")
	case fault == Garbage: // a byte is lost on the way
		reply(w, "application/json; charset=UTF-8", 200, map[string]any{"payload": map[string]string{"data": base64.StdEncoding.EncodeToString([]byte(value[1:])), "dataCrc32c": strconv.Itoa(int(crc))}})
	case !there:
		fail(404, "NOT_FOUND", "Secret ["+name+"] not found or has no versions.")
	case value == "":
		fail(400, "FAILED_PRECONDITION", "Secret Version ["+name+"] is in DISABLED state.")
	default:
		reply(w, "application/json; charset=UTF-8", 200, map[string]any{"name": name, "payload": map[string]string{"data": base64.StdEncoding.EncodeToString([]byte(value)), "dataCrc32c": strconv.Itoa(int(crc))}})
	}
}

// microsoftToken is Microsoft's sign-in, as far as a client with a secret needs it.
func microsoftToken(w http.ResponseWriter, r *http.Request, body []byte) {
	at := "https://login.microsoftonline.com/" + AzureTenant
	form, _ := url.ParseQuery(string(body))
	switch {
	case r.URL.Path == "/common/discovery/instance":
		reply(w, "application/json", 200, map[string]any{"tenant_discovery_endpoint": at + "/v2.0/.well-known/openid-configuration",
			"metadata": []any{map[string]any{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": []string{"login.microsoftonline.com"}}}})
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		reply(w, "application/json", 200, map[string]any{"token_endpoint": at + "/oauth2/v2.0/token", "authorization_endpoint": at + "/oauth2/v2.0/authorize", "issuer": at + "/v2.0"})
	case r.URL.Path != "/"+AzureTenant+"/oauth2/v2.0/token":
		reply(w, "application/json", 404, map[string]any{"error": "not_found"})
	case form.Get("client_id") != AzureClient || form.Get("client_secret") != AzureSecret || form.Get("grant_type") != "client_credentials":
		reply(w, "application/json", 401, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided: " + form.Get("client_secret")})
	case !strings.HasPrefix(form.Get("scope"), "https://vault.azure.net/.default"):
		reply(w, "application/json", 400, map[string]any{"error": "invalid_scope", "error_description": "AADSTS70011"})
	default:
		reply(w, "application/json", 200, map[string]any{"access_token": bearer, "token_type": "Bearer", "expires_in": 3599})
	}
}

// azure is Azure Key Vault.
func (c *Clouds) azure(w http.ResponseWriter, r *http.Request, fault Fault) {
	fail := func(status int, code, inner, message string) {
		reply(w, "application/json; charset=utf-8", status, map[string]any{"error": map[string]any{"code": code, "message": message, "innererror": map[string]string{"code": inner}}})
	}
	if r.Header.Get("Authorization") != "Bearer "+bearer {
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/`+AzureTenant+`", resource="https://vault.azure.net"`)
		fail(401, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token.")
		return
	}
	name, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/secrets/")
	if r.Method != http.MethodGet || !ok || r.URL.Query().Get("api-version") == "" {
		fail(400, "BadParameter", "", "Method not supported.")
		return
	}
	value, there := c.look("azure/" + name)
	switch {
	case fault == Forbidden:
		fail(403, "Forbidden", "ForbiddenByRbac", "Caller is not authorized to perform action on resource. Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'")
	case fault == Throttled:
		w.Header().Set("x-ms-retry-after-ms", "1")
		fail(429, "Throttled", "", "Request was not processed because too many requests were received.")
	case fault == Broken:
		w.Header().Set("x-ms-retry-after-ms", "1")
		fail(503, "ServiceUnavailable", "", "")
	case fault == Garbage:
		_, _ = fmt.Fprintf(w, `{"value": [%q`, value)
	case !there:
		fail(404, "SecretNotFound", "", "A secret with (name/id) "+name+" was not found in this key vault.")
	case value == "":
		fail(403, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret.")
	default:
		reply(w, "application/json; charset=utf-8", 200, map[string]any{"value": value, "id": "https://" + r.Host + "/secrets/" + name + "/0123456789abcdef", "attributes": map[string]any{"enabled": true}})
	}
}
