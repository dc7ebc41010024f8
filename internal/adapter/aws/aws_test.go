package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/mototest"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// open is an account behind an endpoint. The environment is the process's, so
// tests that use it run alone.
func open(t *testing.T, endpoint string) *Account {
	t.Helper()
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "",
	} {
		t.Setenv(key, value)
	}
	a, err := Open(t.Context(), Options{Region: mototest.Region})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// selfSigned is a certificate and its key as PEM.
func selfSigned(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// TestReadings asks a whole account everything that rendering asks.
func TestReadings(t *testing.T) {
	a := open(t, mototest.Start(t))
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if id, err := a.ID(ctx); err != nil || id != mototest.Account {
		t.Errorf("account %q, %v", id, err)
	}

	var image struct {
		ID string `xml:"imageId"`
	}
	must(a.query(ctx, "ec2", ec2Version, "RegisterImage", url.Values{"Name": {"flatcar-stable-1"}, "Architecture": {"x86_64"}}, &image))
	for filter, want := range map[string][]string{"flatcar-stable-1": {image.ID}, "flatcar-*": {image.ID}, "flatcar-beta-*": nil} {
		if got, err := a.Images(ctx, filter, mototest.Account); err != nil || !slices.Equal(got, want) {
			t.Errorf("images %s: %v, %v, want %v", filter, got, err, want)
		}
	}
	if got, err := a.Images(ctx, "flatcar-stable-1", "999999999999"); err != nil || len(got) != 0 {
		t.Errorf("images of another owner: %v, %v", got, err)
	}

	types, err := a.InstanceTypes(ctx)
	must(err)
	i := slices.IndexFunc(types, func(one render.InstanceType) bool { return one.Name == "m5d.4xlarge" })
	if i < 0 || types[i].VCPU != 16 || types[i].MemoryMiB != 65536 || !slices.Equal(types[i].Architectures, []string{"x86_64"}) || len(types[i].Disks) != 1 || types[i].Disks[0] != (render.Disks{Count: 2, SizeGB: 300}) {
		t.Errorf("%d instance types, m5d.4xlarge at %d: %+v", len(types), i, types[max(i, 0)])
	}

	vpcs, err := a.VPCs(ctx)
	must(err)
	if len(vpcs) != 1 || !vpcs[0].Default || vpcs[0].CIDR != "172.31.0.0/16" || vpcs[0].IPv6CIDRs == nil {
		t.Errorf("networks %+v", vpcs)
	}
	subnets, err := a.Subnets(ctx, vpcs[0].ID)
	must(err)
	if len(subnets) != 3 {
		t.Fatalf("subnets %+v", subnets)
	}
	var nothing struct{}
	must(a.query(ctx, "ec2", ec2Version, "CreateTags", url.Values{"ResourceId.1": {subnets[0].ID}, "Tag.1.Key": {"kubernetes.io/role/elb"}, "Tag.1.Value": {"1"}}, &nothing))
	if subnets, err = a.Subnets(ctx, vpcs[0].ID); err != nil || subnets[0].Tags["kubernetes.io/role/elb"] != "1" || subnets[0].VPC != vpcs[0].ID || subnets[0].Zone == "" {
		t.Errorf("subnet %+v, %v", subnets[0], err)
	}
	if other, err := a.Subnets(ctx, "vpc-none"); err != nil || len(other) != 0 {
		t.Errorf("subnets of no network: %v, %v", other, err)
	}

	certificate, key := selfSigned(t, "kube-1.example.org")
	var imported struct{ CertificateArn string }
	must(a.call(ctx, "acm", acmTarget, "ImportCertificate", map[string][]byte{"Certificate": []byte(certificate), "PrivateKey": []byte(key)}, &imported))
	certificates, _, err := a.Certificates(ctx)
	must(err)
	if len(certificates) != 1 || certificates[0].ARN != imported.CertificateArn || strings.TrimSpace(certificates[0].Certificate) != strings.TrimSpace(certificate) {
		t.Errorf("certificates %+v", certificates)
	}

	var made struct{ KeyMetadata struct{ Arn, KeyId string } }
	must(a.call(ctx, "kms", kmsTarget, "CreateKey", map[string]string{}, &made))
	_, err = a.send(ctx, "kms", "CreateAlias", jsonType, kmsTarget+".CreateAlias", []byte(`{"AliasName":"alias/etcd-cluster","TargetKeyId":"`+made.KeyMetadata.KeyId+`"}`))
	must(err)
	if arn, err := a.KeyARN(ctx, "alias/etcd-cluster"); err != nil || arn != made.KeyMetadata.Arn {
		t.Errorf("key %s, %v, want %s", arn, err, made.KeyMetadata.Arn)
	}
	if _, err := a.KeyARN(ctx, "alias/none"); fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("a key that is not there: %v", err)
	}

	const template = `{"Resources":{"Queue":{"Type":"AWS::SQS::Queue"}},"Outputs":{"Zone":{"Value":"example.org"}}}`
	must(a.query(ctx, "cloudformation", cfnVersion, "CreateStack", url.Values{"StackName": {"kube-1"}, "TemplateBody": {template}}, &nothing))
	if outputs, err := a.StackOutputs(ctx, "kube-1"); err != nil || outputs["Zone"] != "example.org" {
		t.Errorf("outputs %v, %v", outputs, err)
	}
	if there, err := a.StackExists(ctx, "kube-1", "kube-1"); err != nil || !there {
		t.Errorf("the stack is there: %v, %v", there, err)
	}
	if there, err := a.StackExists(ctx, "kube-1", "kube-2"); err != nil || there {
		t.Errorf("the other stack is there: %v, %v", there, err)
	}
	if outputs, err := a.StackOutputs(ctx, "kube-2"); err != nil || len(outputs) != 0 {
		t.Errorf("outputs of no stack: %v, %v", outputs, err)
	}
}

// TestRefusals: what AWS says has a meaning, and what passes is tried again.
func TestRefusals(t *testing.T) {
	var left atomic.Int32
	var status int
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") {
			t.Errorf("the request is not signed: %v", r.Header)
		}
		if left.Add(-1) >= 0 {
			w.WriteHeader(status)
			w.Write([]byte(body))
			return
		}
		w.Write([]byte("<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>"))
	}))
	defer server.Close()
	a := open(t, server.URL)
	ec2 := func(code string) string {
		return "<Response><Errors><Error><Code>" + code + "</Code><Message>why</Message></Error></Errors></Response>"
	}
	for _, tc := range []struct {
		name   string
		times  int32
		status int
		body   string
		want   fairway.Code // "" for success in the end
		hint   string
	}{
		{"throttled once", 1, 503, ec2("RequestLimitExceeded"), "", ""},
		{"not allowed", 99, 403, ec2("UnauthorizedOperation"), fairway.CodeForbidden, "allow ec2:DescribeVpcs"},
		{"expired", 99, 400, ec2("ExpiredTokenException"), fairway.CodeUnauthorized, "log in again"},
		{"a page of a proxy", 99, 407, "<html>who are you?", fairway.CodeInvalid, ""},
		{"nonsense", 99, 200, "nonsense", fairway.CodeUnavailable, ""},
	} {
		left.Store(tc.times)
		status, body = tc.status, tc.body
		vpcs, err := a.VPCs(t.Context())
		if fairway.ErrorCode(err) != tc.want || !strings.Contains(fairway.ErrorHint(err), tc.hint) {
			t.Errorf("%s: %v (hint %q), want %s", tc.name, err, fairway.ErrorHint(err), tc.want)
		}
		if tc.want == "" && (len(vpcs) != 1 || vpcs[0].ID != "vpc-1") {
			t.Errorf("%s: networks %+v", tc.name, vpcs)
		}
	}
}

// TestOpen_NoCredentials runs alone, because of the environment.
func TestOpen_NoCredentials(t *testing.T) {
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_, err := Open(t.Context(), Options{Region: mototest.Region})
	if fairway.ErrorCode(err) != fairway.CodeUnauthorized || !strings.Contains(fairway.ErrorHint(err), "AWS_PROFILE") {
		t.Errorf("error %v", err)
	}
}
