package pki

import (
	"bytes"
	"maps"
	"os"
	"testing"
)

func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := Ensure(dir, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Ensure(dir, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if first.AdminToken == "" || first.AdminToken != again.AdminToken || !maps.Equal(first.ComponentTokens, again.ComponentTokens) || !bytes.Equal(first.CAData, again.CAData) {
		t.Errorf("made %+v, then %+v", first, again)
	}
	for _, file := range []string{first.ServingKey, first.ServiceAccountKey, first.TokenFile} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", file, info, err)
		}
	}
}

func TestServingCertificateFollowsTheAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, address := range []string{"127.0.0.1", "192.0.2.7"} {
		f, err := Ensure(dir, address)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := readCertificate(f.ServingCert)
		if err != nil {
			t.Fatal(err)
		}
		if err := cert.VerifyHostname(address); err != nil {
			t.Error(err)
		}
	}
}
