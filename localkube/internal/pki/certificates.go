package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
)

// validity is long: a throw-away cluster must not die of old age.
const validity = 10 * 365 * 24 * time.Hour

// ensureCertificates makes the CA, the serving certificate and the service
// account key that are missing. The serving certificate is made again when
// it does not cover address.
func ensureCertificates(f *Files, caKeyFile, address string) error {
	caKey, err := ensureKey(caKeyFile)
	if err != nil {
		return err
	}
	ca, err := readCertificate(f.CA)
	if errors.Is(err, fs.ErrNotExist) {
		ca, err = makeCertificate(f.CA, authority(), nil, caKey.Public(), caKey)
	}
	if err != nil {
		return err
	}
	servingKey, err := ensureKey(f.ServingKey)
	if err != nil {
		return err
	}
	serving, err := readCertificate(f.ServingCert)
	if errors.Is(err, fs.ErrNotExist) || err == nil && serving.VerifyHostname(address) != nil {
		_, err = makeCertificate(f.ServingCert, server(address), ca, servingKey.Public(), caKey)
	}
	if err != nil {
		return err
	}
	_, err = ensureKey(f.ServiceAccountKey)
	return err
}

func authority() *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localkube"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

func server(address string) *x509.Certificate {
	c := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localkube-serving"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		// 10.96.0.1 is the Service kubernetes.default.
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 96, 0, 1)},
	}
	if ip := net.ParseIP(address); ip != nil {
		c.IPAddresses = append(c.IPAddresses, ip)
	} else {
		c.DNSNames = append(c.DNSNames, address)
	}
	return c
}

// makeCertificate signs template with signer and writes it; no parent means
// that it signs itself.
func makeCertificate(file string, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// An hour back: clocks of containers on one machine may differ a little.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = template.NotBefore.Add(validity)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	if err := datadir.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func readCertificate(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("read %s: no PEM block; delete the file to have it made again", file)
	}
	return x509.ParseCertificate(block.Bytes)
}

// ensureKey reads a P-256 key, or makes one.
func ensureKey(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(file)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("read %s: no PEM block; delete the file to have it made again", file)
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func makeKey(file string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, datadir.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
