package kube

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// withoutSecrets returns the answer about a Secret with every value of the
// Secret taken out of its words: servers quote what they cannot read.
func withoutSecrets(s metav1.Status, o fairway.Object) error {
	hide := func(text string) string {
		for _, value := range secretValues(o) {
			text = strings.ReplaceAll(text, value, "***")
		}
		return text
	}
	s.Message = hide(s.Message)
	if s.Details != nil {
		details := *s.Details
		details.Causes = nil
		for _, cause := range s.Details.Causes {
			cause.Message = hide(cause.Message)
			details.Causes = append(details.Causes, cause)
		}
		s.Details = &details
	}
	return &apierrors.StatusError{ErrStatus: s}
}

// secretValues returns the values of data and stringData, encoded and plain.
func secretValues(o fairway.Object) []string {
	var values []string
	for _, section := range []string{"data", "stringData"} {
		entries, _ := o[section].(map[string]any)
		for _, entry := range entries {
			text, _ := entry.(string)
			if text == "" {
				continue
			}
			values = append(values, text, base64.StdEncoding.EncodeToString([]byte(text)))
			if plain, err := base64.StdEncoding.DecodeString(text); err == nil && len(plain) > 0 {
				values = append(values, string(plain))
			}
		}
	}
	// The longest first: a value can be part of another.
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return values
}
