package render

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// leastValidity is how long a certificate has to be valid still to be
// preferred over another.
const leastValidity = 7 * 24 * time.Hour

// chooseCertificate returns the ARN of the best certificate for a host
// (contract 4.3). Those that cannot be verified do not count.
func chooseCertificate(all []Certificate, roots *x509.CertPool, host string, now time.Time) (string, error) {
	var best *x509.Certificate
	arn, longest := "", -1
	for _, c := range all {
		cert := verified(c, roots, host, now)
		if cert == nil {
			continue
		}
		for _, name := range append([]string{cert.Subject.CommonName}, cert.DNSNames...) {
			if matchesHost(name, host) && better(cert, len(name), best, longest, now) {
				best, arn, longest = cert, c.ARN, len(name)
			}
		}
	}
	if len(all) == 0 {
		return "", fairway.Errorf(fairway.CodeInvalid, "no matching certificate found").WithHint("there is no certificate at all")
	}
	if best == nil {
		return "", fairway.Errorf(fairway.CodeInvalid, "no matching certificate found").
			WithHint("none of the %d certificates is valid for %s at %s", len(all), host, now.UTC().Format(time.RFC3339))
	}
	return arn, nil
}

// verified returns the certificate if it can be trusted for the host, else nil.
func verified(c Certificate, roots *x509.CertPool, host string, now time.Time) *x509.Certificate {
	block, _ := pem.Decode([]byte(c.Certificate))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	between := x509.NewCertPool()
	between.AppendCertsFromPEM([]byte(c.Chain))
	if _, err := cert.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		return nil
	}
	return cert
}

// matchesHost reports whether a name of a certificate covers a host; a leading
// * stands for one label.
func matchesHost(name, host string) bool {
	rest, wild := strings.CutPrefix(name, "*")
	switch {
	case !wild:
		return name == host
	case rest == "":
		return true
	}
	return !strings.Contains(strings.TrimSuffix(host, rest), ".")
}

// better reports whether a certificate, by a name of some length, takes the
// place of the best one so far.
func better(cert *x509.Certificate, length int, best *x509.Certificate, longest int, now time.Time) bool {
	endsSoon := func(c *x509.Certificate) bool { return c.NotAfter.Add(-leastValidity).Before(now) }
	lasts := cert.NotAfter.Add(-leastValidity).After(now)
	switch {
	case best == nil:
		return true
	case longest < length:
		return cert.NotBefore.Before(now) && lasts
	case longest > length:
		return endsSoon(best) && now.Before(best.NotBefore) && cert.NotBefore.Before(now) && lasts
	case cert.NotBefore.After(best.NotBefore):
		return !endsSoon(cert)
	case cert.NotBefore.Equal(best.NotBefore):
		return !best.NotAfter.After(cert.NotAfter)
	}
	return endsSoon(best) && cert.NotAfter.After(best.NotAfter)
}

// rootsOf are the roots that a certificate leads to; none when it cannot be
// trusted.
func rootsOf(c Certificate, trusted *x509.CertPool, now time.Time) []*x509.Certificate {
	block, _ := pem.Decode([]byte(c.Certificate))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	between := x509.NewCertPool()
	between.AppendCertsFromPEM([]byte(c.Chain))
	chains, err := cert.Verify(x509.VerifyOptions{Roots: trusted, Intermediates: between, CurrentTime: now})
	if err != nil {
		return nil
	}
	var roots []*x509.Certificate
	for _, chain := range chains {
		roots = append(roots, chain[len(chain)-1])
	}
	return roots
}

// encodeRoots writes certificates as PEM, in the order of their keys.
func encodeRoots(roots map[string]*x509.Certificate) []byte {
	var out []byte
	for _, key := range slices.Sorted(maps.Keys(roots)) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: roots[key].Raw})...)
	}
	return out
}
