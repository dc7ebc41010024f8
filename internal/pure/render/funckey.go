package render

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"text/template"
	"time"
)

var keyFunctions = template.FuncMap{
	"certificateExpiry":             certificateExpiry,
	"generateJWKSDocument":          jwksDocument,
	"generateOIDCDiscoveryDocument": discoveryDocument,
	"publicKey":                     publicKey,
}

func decodePEM(text string) (*pem.Block, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("there is no PEM data")
	}
	return block, nil
}

// publicKey is the public part of a PKCS#1 RSA key.
func publicKey(text string) (string, error) {
	block, err := decodePEM(text)
	if err != nil {
		return "", err
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// certificateExpiry is when the first certificate ends.
func certificateExpiry(text string) (string, error) {
	block, err := decodePEM(text)
	if err != nil {
		return "", err
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	return cert.NotAfter.UTC().Format(time.RFC3339), nil
}

// jwk is a public key as service account issuers publish it; the fields are
// in the order of their names.
type jwk struct {
	Alg string `json:"alg"`
	E   string `json:"e"`
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	Use string `json:"use"`
}

// jwksDocument lists an RSA key twice: with its id, and without for clients
// that do not send one.
func jwksDocument(text string) (string, error) {
	block, err := decodePEM(text)
	if err != nil {
		return "", err
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return "", err
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return "", errors.New("the public key is not an RSA key")
	}
	id := sha256.Sum256(block.Bytes)
	encode := base64.RawURLEncoding.EncodeToString
	one := jwk{Alg: "RS256", E: encode(big.NewInt(int64(key.E)).Bytes()), Kid: encode(id[:]), Kty: "RSA", N: encode(key.N.Bytes()), Use: "sig"}
	anonymous := one
	anonymous.Kid = ""
	return indentedJSON(map[string][]jwk{"keys": {one, anonymous}})
}

// discoveryDocument describes the issuer of service account tokens.
func discoveryDocument(issuer string) (string, error) {
	return indentedJSON(struct {
		Issuer                string   `json:"issuer"`
		AuthorizationEndpoint string   `json:"authorization_endpoint"`
		JWKSURI               string   `json:"jwks_uri"`
		ResponseTypes         []string `json:"response_types_supported"`
		SubjectTypes          []string `json:"subject_types_supported"`
		SigningAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
		Claims                []string `json:"claims_supported"`
	}{
		issuer, "urn:kubernetes:programmatic_authorization", issuer + "/openid-configuration/keys.json",
		[]string{"id_token"}, []string{"public"}, []string{"RS256"}, []string{"sub", "iss"},
	})
}

func indentedJSON(v any) (string, error) {
	b, err := json.MarshalIndent(v, "", "    ")
	return string(b), err
}
