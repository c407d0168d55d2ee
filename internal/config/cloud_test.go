package config

import (
	"strings"
	"testing"
	"time"
)

func TestHowTheStoresOfSecretsAreReached(t *testing.T) {
	c, err := Load(Source{File: write(t, "cloud: {program: /opt/muster/muster-cloud, cache: 1m}\n")})
	if err != nil || c.Cloud != (Cloud{"/opt/muster/muster-cloud", time.Minute}) {
		t.Errorf("got %+v, %v", c.Cloud, err)
	}
	for text, want := range map[string]string{
		"cloud: {cache: 6m}\n":  "cloud.cache",
		"cloud: {cache: -1s}\n": "cloud.cache",
		"vault: {address: 'https://vault.example.com', auth: token, token: 'secret://aws/vault-token'}\n": "vault.token",
		"vault: {address: 'https://vault.example.com', auth: token, token: 'secret://vault/kv/a#b'}\n":    "vault.token",
	} {
		if _, err := Load(Source{File: write(t, text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Load(Source{File: write(t, "vault: {address: 'https://vault.example.com', auth: token, token: 'secret://systemd/vault-token'}\n")}); err != nil {
		t.Error(err)
	}
}
