package cloud

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/crc32"
	"regexp"

	"cloud.google.com/go/auth/credentials"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"
)

var googleName = regexp.MustCompile(`^([a-z0-9.:-]+)/([A-Za-z0-9_-]+)(?:/([A-Za-z0-9_-]+))?$`)

// fromGoogle reads Google Secret Manager: PROJECT/SECRET, or PROJECT/SECRET/VERSION.
func fromGoogle(ctx context.Context, name string) (string, error) {
	parts := googleName.FindStringSubmatch(name)
	if parts == nil {
		return "", &trouble{why: Form}
	}
	who, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{secretmanager.CloudPlatformScope}})
	if err == nil {
		_, err = who.Token(ctx) // by itself, so that its error is not taken for the store's
	}
	if err != nil {
		return "", &trouble{why: Credentials, said: err.Error()}
	}
	client, err := secretmanager.NewService(ctx, option.WithAuthCredentials(who), option.WithTelemetryDisabled())
	if err != nil {
		return "", &trouble{why: Settings, said: err.Error()}
	}
	out, err := client.Projects.Secrets.Versions.Access("projects/" + parts[1] + "/secrets/" + parts[2] + "/versions/" + cmp.Or(parts[3], "latest")).Context(ctx).Do()
	if api := new(googleapi.Error); errors.As(err, &api) {
		why := byStatus(api.Code)
		if api.Code == 400 && statusOf(api) == "FAILED_PRECONDITION" { // the version is disabled or destroyed
			why = Missing
		}
		return "", &trouble{why: why, said: answered(api.Code, "", api.Message)}
	}
	if err != nil {
		return "", err
	}
	if out.Payload == nil {
		return "", &trouble{why: Unreadable}
	}
	value, err := base64.StdEncoding.DecodeString(out.Payload.Data)
	if err != nil || out.Payload.DataCrc32c != 0 && uint32(out.Payload.DataCrc32c) != crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli)) {
		return "", &trouble{why: Unreadable}
	}
	return string(value), nil
}

// statusOf is Google's own word for an error, which the library does not read.
func statusOf(e *googleapi.Error) string {
	var body struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(e.Body), &body)
	return body.Error.Status
}
