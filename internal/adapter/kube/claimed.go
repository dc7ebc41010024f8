package kube

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"k8s.io/client-go/rest"
)

// claimed returns the user that a config acts as, as far as that can be seen in
// it: one that is impersonated, or the subject of a service account's token; ""
// when it cannot. The API server has the last word.
func claimed(config *rest.Config) string {
	if config.Impersonate.UserName != "" {
		return config.Impersonate.UserName
	}
	token := config.BearerToken
	if config.BearerTokenFile != "" {
		b, err := os.ReadFile(config.BearerTokenFile)
		if err != nil {
			return "" // the first request says so
		}
		token = string(b)
	}
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Subject
}
