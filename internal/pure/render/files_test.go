package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// testTime is the time of the look-ups.
var testTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// authority signs certificates of tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.cert, a.pem = issue(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "root"}, NotBefore: testTime.AddDate(-5, 0, 0), NotAfter: testTime.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// leaf is a certificate for names between two days, counted from testTime.
func (a *authority) leaf(t *testing.T, from, to int, names ...string) string {
	t.Helper()
	_, _, text := issue(t, a, &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: testTime.AddDate(0, 0, from), NotAfter: testTime.AddDate(0, 0, to),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return text
}

func issue(t *testing.T, by *authority, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// lookups are those of an account with three zones; change changes the file
// before it is read.
func lookups(t *testing.T, change func(map[string]any)) *Recorded {
	t.Helper()
	a := newAuthority(t)
	file := map[string]any{
		"images": []any{map[string]any{"name": "ubuntu-1", "owner": "123", "id": "ami-1"}},
		"instance_types": []any{
			map[string]any{"name": "m5.large", "vcpu": 2, "memory_mib": 8192, "architectures": []any{"x86_64"}},
			map[string]any{"name": "t2.small", "vcpu": 1, "memory_mib": 2048, "architectures": []any{"i386", "x86_64"}},
			map[string]any{"name": "m6gd.large", "vcpu": 2, "memory_mib": 4096, "architectures": []any{"arm64"}, "disks": []any{map[string]any{"count": 4, "size_gb": 100}}},
			map[string]any{"name": "mac1.metal", "vcpu": 12, "memory_mib": 32768, "architectures": []any{"x86_64_mac"}},
		},
		"vpcs": []any{map[string]any{"id": "vpc-1", "default": true, "cidr": "172.31.0.0/16", "ipv6_cidrs": []any{"2a05::/56"}}},
		"subnets": []any{
			map[string]any{"id": "subnet-1b", "vpc": "vpc-1", "az": "eu-central-1b", "ipv6_cidrs": []any{"2a05:2::/64"}},
			map[string]any{"id": "subnet-1a", "vpc": "vpc-1", "az": "eu-central-1a", "ipv6_cidrs": []any{"2a05:1::/64"}},
			map[string]any{"id": "subnet-1c", "vpc": "vpc-1", "az": "eu-central-1c"},
			map[string]any{"id": "subnet-0a", "vpc": "vpc-1", "az": "eu-central-1a", "tags": map[string]any{"zalando.org/custom-subnet": ""}},
			map[string]any{"id": "subnet-9a", "vpc": "vpc-2", "az": "eu-central-1a"},
		},
		"certificates":     []any{map[string]any{"arn": "arn:cert-1", "certificate_pem": a.leaf(t, -10, 100, "*.example.zalan.do")}},
		"trust_roots_file": "roots.pem", "now": testTime.Format(time.RFC3339),
		"kms_aliases":     map[string]any{"alias/etcd-cluster": "arn:aws:kms:eu-central-1:123456789012:key/etcd"},
		"stack_outputs":   map[string]any{"MasterFilesEncryptionKey": "arn:aws:kms:master", "WorkerFilesEncryptionKey": "arn:aws:kms:worker", "EtcdEncryptionKey": "arn:etcd"},
		"s3_location":     "https://{bucket}.s3.example.org/{key}",
		"existing_stacks": map[string]any{"kube-1": []any{"etcd-cluster-etcd"}},
		"options":         map[string]any{"manage_etcd_stack": true},
	}
	if change != nil {
		change(file)
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecorded(data, func(name string) ([]byte, error) {
		if name != "roots.pem" {
			return nil, errors.New("no such file")
		}
		return []byte(a.pem), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// awsFiles is a small configuration with every kind of file.
func awsFiles() map[string]string {
	return map[string]string{
		"cluster/config-defaults.yaml":                          "etcd_instance_type: m5.large\nmode: 0400\nami: '{{ amiID \"ubuntu-1\" \"123\" }}'\n",
		"cluster/cluster.yaml":                                  "Metadata:\n  Tags:\n    Flag: true\n    Octal: 010\n    kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1: mine\n# {{ .Values.hosted_zone }} {{ .Values.S3GeneratedFilesPath }} {{ index .Values.subnets \"*\" }}\n",
		"cluster/etcd/stack.yaml":                               "x: {{ .Values.etcd_kms_key_arn }} {{ .Values.etcd_instance_type_info.VCPU }} {{ .Values.S3GeneratedFilesPath }}\n",
		"cluster/etcd/files.yaml":                               "files: []\n",
		"cluster/manifests/deletions.yaml":                      "pre_apply: []\n# {{ .Values.load_balancer_certificate }}\n",
		"cluster/manifests/a/a.yaml":                            configMap + "{{ .Values.ClusterStackOutputs.EtcdEncryptionKey }}\n  w: \"2\"\n",
		"cluster/manifests/empty/a.yaml":                        "# nothing\n",
		"cluster/cf-manifests/extra.yaml":                       "Metadata: {StackName: my-stack}\n",
		"cluster/cf-manifests/none.yaml":                        "# {{ .Cluster.ID }}\n",
		"cluster/cf-manifests/cf-deletions.yaml":                "post_apply:\n- stackName: old\n",
		"cluster/node-pools/master-default/files.yaml":          "files:\n- {path: /a, data: aGk=, permissions: 0400, encrypted: true}\n",
		"cluster/node-pools/master-default/userdata.yaml":       "#cloud-config\nhello: world\n",
		"cluster/node-pools/master-default/stack.yaml":          "u: {{ .Values.UserData }}\n",
		"cluster/node-pools/worker-splitaz/files.yaml":          "files:\n- {path: /b, data: aGk=}\n",
		"cluster/node-pools/worker-splitaz/userdata.yaml":       "{{ .Values.S3GeneratedFilesPath }}\n",
		"cluster/node-pools/worker-splitaz/stack.yaml":          "z: zones {{ .Values.availability_zones }} {{ .Values.supports_t2_unlimited }} {{ .Values.InstanceInfo.InstanceType }} {{ .Values.InstanceInfo.Memory }} {{ .Values.InstanceInfo.Architecture }}\n",
		"cluster/node-pools/worker-karpenter/files.yaml":        "files:\n",
		"cluster/node-pools/worker-karpenter/userdata.yaml":     "plain {{ .NodePool.KarpenterInstanceTypeStrategy }}\n",
		"cluster/node-pools/worker-karpenter/provisioners.yaml": "{{ indent 2 .Values.UserData }}{{ index .Values \"InstanceInfo\" }}\n",
	}
}

func awsCluster(change func(*fairway.Cluster)) *fairway.Cluster {
	return testCluster(func(c *fairway.Cluster) {
		c.Provider = fairway.ProviderAWS
		c.ConfigItems = map[string]string{"secret": "aws:kms:" + base64.StdEncoding.EncodeToString([]byte("terces-yrev"))}
		c.NodePools = []fairway.NodePool{
			{Name: "masters", Profile: "master-default", InstanceTypes: []string{"m5.large"}},
			{Name: "workers", Profile: "worker-splitaz", InstanceTypes: []string{"m5.large", "m6gd.large"}, ConfigItems: map[string]string{"availability_zones": "eu-central-1c,eu-central-1x,eu-central-1b"}},
			{Name: "karpenter", Profile: "worker-karpenter"},
		}
		if change != nil {
			change(c)
		}
	})
}

// renderAll renders files that have to render.
func renderAll(t *testing.T, files map[string]string, in FilesInput) map[string]string {
	t.Helper()
	out, err := tryAll(t, files, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryAll(t *testing.T, files map[string]string, in FilesInput) (map[string]string, error) {
	t.Helper()
	if in.Sources == nil {
		in.Sources = []Source{{Name: "main", FS: tree(files)}}
	}
	if in.Cluster == nil {
		in.Cluster = awsCluster(nil)
	}
	if in.Lookups == nil {
		recorded := lookups(t, nil)
		in.Lookups, in.ManageEtcdStack = recorded, recorded.Options().ManageEtcdStack
	}
	if in.Version == "" {
		in.Version = "<dir>"
	}
	all, err := Files(t.Context(), in)
	out := map[string]string{}
	for _, f := range all {
		out[f.Path] = string(f.Content)
	}
	return out, err
}

func sha512Hex(text string) string {
	sum := sha512.Sum512([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestFiles(t *testing.T) {
	t.Parallel()
	files := awsFiles()
	out := renderAll(t, files, FilesInput{Reveal: true})
	etcdKey := "kube-1/etcd/" + sha512Hex("files: []\n") + ".userdata"
	workerKey := "kube-1/worker/" + sha512Hex(files["cluster/node-pools/worker-splitaz/files.yaml"]) + ".userdata"
	const bucket = "s3://cluster-lifecycle-manager-123456789012-eu-central-1/"
	want := map[string]string{
		"version.txt":          "<dir>#" + awsCluster(nil).Hash() + "\n",
		"config-defaults.yaml": "etcd_instance_type: m5.large\nmode: 0400\nami: 'ami-1'\n",
		"cluster.yaml": "Metadata:\n  Tags:\n    Flag: true\n    Octal: 010\n    kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1: mine\n# example.zalan.do " +
			bucket + etcdKey + " subnet-1a,subnet-1b,subnet-1c\n",
		"etcd/files.yaml":                        "files: []\n",
		"etcd/stack.yaml":                        "x: arn:aws:kms:eu-central-1:123456789012:key/etcd 2 " + bucket + etcdKey + "\n",
		"deletions.yaml":                         "pre_apply: []\n# arn:cert-1\n",
		"cf-deletions.yaml":                      "post_apply:\n- stackName: old\n",
		"cf-manifests/my-stack.yaml":             "Metadata: {StackName: my-stack}\n",
		"manifests-rendered/a/a.yaml":            configMap + "arn:etcd\n  w: \"2\"\n",
		"manifests-rendered/empty/a.yaml":        "# nothing\n",
		"manifests/a.yaml":                       "apiVersion: v1\ndata:\n    w: \"2\"\n    x: arn:etcd\nkind: ConfigMap\nmetadata:\n    name: a\n",
		"node-pools/masters/files.yaml":          files["cluster/node-pools/master-default/files.yaml"],
		"node-pools/masters/userdata.yaml":       "#cloud-config\nhello: world\n",
		"node-pools/masters/userdata.gz.b64":     vectorUserData,
		"node-pools/masters/stack.yaml":          "u: " + vectorUserData + "\n",
		"node-pools/workers/files.yaml":          files["cluster/node-pools/worker-splitaz/files.yaml"],
		"node-pools/workers/userdata.yaml":       bucket + workerKey + "\n",
		"node-pools/workers/stack.yaml":          "z: zones [eu-central-1b eu-central-1c] false <multiple> 4294967296 amd64\n",
		"node-pools/karpenter/files.yaml":        "files:\n",
		"node-pools/karpenter/userdata.yaml":     "plain not-specified\n",
		"node-pools/karpenter/provisioners.yaml": "  plain not-specified\n  <no value>\n",
		"config-items/cluster.after-defaults.json": "{\n  \"ami\": \"ami-1\",\n  \"etcd_instance_type\": \"m5.large\",\n  \"mode\": \"0400\",\n  \"secret\": \"" +
			awsCluster(nil).ConfigItems["secret"] + "\"\n}\n",
		"config-items/cluster.final.json":  "{\n  \"ami\": \"ami-1\",\n  \"etcd_instance_type\": \"m5.large\",\n  \"mode\": \"0400\",\n  \"secret\": \"very-secret\"\n}\n",
		"config-items/pool.karpenter.json": "{\n  \"ami\": \"ami-1\",\n  \"etcd_instance_type\": \"m5.large\",\n  \"mode\": \"0400\",\n  \"secret\": \"very-secret\"\n}\n",
		"config-items/pool.masters.json":   "{\n  \"ami\": \"ami-1\",\n  \"etcd_instance_type\": \"m5.large\",\n  \"mode\": \"0400\",\n  \"secret\": \"very-secret\"\n}\n",
		"config-items/pool.workers.json":   "{\n  \"ami\": \"ami-1\",\n  \"availability_zones\": \"eu-central-1c,eu-central-1x,eu-central-1b\",\n  \"etcd_instance_type\": \"m5.large\",\n  \"mode\": \"0400\",\n  \"secret\": \"very-secret\"\n}\n",
	}
	for path, text := range want {
		if diff := cmp.Diff(text, out[path]); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		delete(out, path)
	}
	for path := range out {
		switch {
		case strings.HasPrefix(path, "stacks/"), path == "node-pools/workers/userdata.gz.b64",
			path == "s3/"+etcdKey+".tar.gz", path == "s3/"+workerKey+".tar.gz",
			strings.HasPrefix(path, "s3/kube-1/master/"), strings.HasPrefix(path, "s3/kube-1/worker/"):
		default:
			t.Errorf("%s was not expected", path)
		}
	}
}

// vectorUserData is vector 9.7.
const vectorUserData = "H4sIAAAAAAAA/1JOzskvTdFNzs9Ly0znykjNycm3UijPL8pJ4QIEAAD//0/T0dsbAAAA"

// TestCompress is vector 9.7. When it fails with a new Go toolchain, its
// compressor makes other bytes than before: every launch template of every
// fleet would change, and with it every node be replaced. Keep the old
// compressor then.
func TestCompress(t *testing.T) {
	t.Parallel()
	if got, err := Compress("#cloud-config\nhello: world\n"); err != nil || got != vectorUserData {
		t.Errorf("got %s, %v, want %s", got, err, vectorUserData)
	}
}

func TestFiles_Stacks(t *testing.T) {
	t.Parallel()
	out := renderAll(t, awsFiles(), FilesInput{Reveal: true})
	stack := func(path string) map[string]any {
		var call map[string]any
		if err := json.Unmarshal([]byte(out[path]), &call); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return call
	}
	sum := func(path string) string {
		s := sha256.Sum256([]byte(out[path]))
		return hex.EncodeToString(s[:])
	}
	base := func(name, template string, tags map[string]any) map[string]any {
		return map[string]any{
			"name": name, "action": "create", "template_url": "", "template_sha256": sum(template), "tags": tags,
			"capabilities": []any{"CAPABILITY_NAMED_IAM"}, "on_failure": "DELETE", "termination_protection": true, "policy": "",
		}
	}
	pool := func(name, profile string) map[string]any {
		return map[string]any{"kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1": "owned", "kubernetes.io/role/node-pool": "true",
			"kubernetes.io/node-pool": name, "NodePool": name, "kubernetes.io/node-pool/profile": profile}
	}
	etcd := base("etcd-cluster-etcd", "etcd/stack.yaml", map[string]any{"application": "kubernetes", "component": "etcd-cluster"})
	etcd["action"], etcd["on_failure"], etcd["policy"] = "update", "", etcdPolicy
	want := map[string]map[string]any{
		"stacks/etcd-cluster-etcd.update.json": etcd,
		"stacks/kube-1.create.json": base("kube-1", "cluster.yaml", map[string]any{
			"Flag": "true", "Octal": "010", "kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1": "owned", "cluster-lifecycle-controller.zalando.org/main-stack": "true"}),
		"stacks/my-stack.create.json": base("my-stack", "cf-manifests/my-stack.yaml", map[string]any{"kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1": "owned"}),
		"stacks/nodepool-masters-aws-123456789012-eu-central-1-kube-1.create.json": base("nodepool-masters-aws-123456789012-eu-central-1-kube-1", "node-pools/masters/stack.yaml", pool("masters", "master-default")),
		"stacks/nodepool-workers-aws-123456789012-eu-central-1-kube-1.create.json": base("nodepool-workers-aws-123456789012-eu-central-1-kube-1", "node-pools/workers/stack.yaml", pool("workers", "worker-splitaz")),
	}
	for path, call := range want {
		if diff := cmp.Diff(call, stack(path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if !json.Valid([]byte(etcdPolicy)) {
		t.Error("the policy is no JSON")
	}
	if !strings.HasPrefix(out["stacks/kube-1.create.json"], "{\n  \"action\": \"create\",\n  \"capabilities\": [\n    \"CAPABILITY_NAMED_IAM\"\n  ],\n  \"name\"") {
		t.Errorf("form of the file: %s", out["stacks/kube-1.create.json"])
	}
}

// A template above 51200 bytes is uploaded; one of exactly that size is not.
func TestFiles_LargeStacks(t *testing.T) {
	t.Parallel()
	files := awsFiles()
	files["cluster/cluster.yaml"] = strings.Repeat("#", 51199) + "\n#"
	files["cluster/cf-manifests/extra.yaml"] = "Metadata: {StackName: my-stack}\n#" + strings.Repeat("#", 51200)
	out := renderAll(t, files, FilesInput{Reveal: true})
	const bucket = "https://cluster-lifecycle-manager-123456789012-eu-central-1.s3.example.org/"
	sum := sha256.Sum256([]byte("main/cluster/cf-manifests/extra.yaml"))
	for path, key := range map[string]string{"stacks/kube-1.create.json": "aws:123456789012:eu-central-1:kube-1.template", "stacks/my-stack.create.json": hex.EncodeToString(sum[:]) + ".template"} {
		if !strings.Contains(out[path], `"template_url": "`+bucket+key+`"`) || len(out["s3/"+key]) <= 51200 {
			t.Errorf("%s: %s", path, out[path])
		}
	}
	files["cluster/cluster.yaml"] = strings.Repeat("#", 51199) + "\n"
	out = renderAll(t, files, FilesInput{Reveal: true})
	if !strings.Contains(out["stacks/kube-1.create.json"], `"template_url": ""`) {
		t.Error("51200 bytes were uploaded")
	}
}

func TestFiles_Archive(t *testing.T) {
	t.Parallel()
	files := awsFiles()
	files["cluster/node-pools/master-default/files.yaml"] = "files:\n- {path: /a, data: aGk=, permissions: 0400, encrypted: true}\n- path: /b/c\n  data: aG8=\n"
	out := renderAll(t, files, FilesInput{Reveal: true})
	content := out["s3/kube-1/master/"+sha512Hex(files["cluster/node-pools/master-default/files.yaml"])+".userdata.tar.gz"]
	zip, err := gzip.NewReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %o %d %d %v %s %q", h.Name, h.Mode, h.Uid, h.ModTime.Unix(), h.Format, h.Uname, body))
	}
	want := []string{`/a.enc 400 0 0 USTAR  "stub-kms\narn:aws:kms:master\nih"`, `/b/c 0 0 0 USTAR  "ho"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestArchive_Strict(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"unknown key", "files: [{path: a, data: '', mode: 1}]", "field mode not found"},
		{"repeated key", "files: []\nfiles: []", "already set"},
		{"quoted permissions", `files: [{path: a, data: "", permissions: "0400"}]`, "cannot unmarshal"},
		{"no base64", "files: [{path: a, data: '?'}]", "file a: illegal base64"},
		{"too long for the key", "files: [{path: a, encrypted: true, data: " + base64.StdEncoding.EncodeToString(make([]byte, 4097)) + "}]", "4097 bytes cannot be encrypted"},
		{"empty", "", ""},
		{"no list", "files:\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRenderer(t.Context(), Input{Cluster: awsCluster(nil), Lookups: lookups(t, nil)})
			content, err := r.archive(tc.text, "key")
			if tc.want == "" && (err != nil || !bytes.HasPrefix(content, []byte{0x1f, 0x8b})) {
				t.Errorf("got %x, %v", content, err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestZones is vector 9.6 and errata 3.
func TestZones(t *testing.T) {
	t.Parallel()
	all := []Subnet{
		{ID: "subnet-1c", Zone: "c"}, {ID: "subnet-1a", Zone: "a"}, {ID: "subnet-0b", Zone: "b"},
		{ID: "subnet-1b", Zone: "b", Tags: map[string]string{tagNode: ""}}, {ID: "subnet-2b", Zone: "b", Tags: map[string]string{tagNode: "x", tagELB: ""}},
		{ID: "subnet-2a", Zone: "a", Tags: map[string]string{tagELB: ""}},
	}
	for _, tc := range []struct {
		name      string
		preferred []string
		restrict  string
		want      map[string]string
	}{
		{"no preference: the smallest id", nil, "", map[string]string{"*": "subnet-1a,subnet-0b,subnet-1c", "a": "subnet-1a", "b": "subnet-0b", "c": "subnet-1c"}},
		{"tagged ones first", []string{tagNode}, "", map[string]string{"*": "subnet-1a,subnet-1b,subnet-1c", "a": "subnet-1a", "b": "subnet-1b", "c": "subnet-1c"}},
		{"a second preference", []string{tagNode, tagELB}, "", map[string]string{"*": "subnet-2a,subnet-1b,subnet-1c", "a": "subnet-2a", "b": "subnet-1b", "c": "subnet-1c"}},
		{"only some zones", []string{tagNode}, "b,d", map[string]string{"*": "subnet-1b", "b": "subnet-1b"}},
		{"blanks are not trimmed", nil, "b, a", map[string]string{"*": "subnet-0b", "b": "subnet-0b"}},
		{"none is left", nil, "d", map[string]string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			z := chooseSubnets(all, tc.preferred...)
			if tc.restrict != "" {
				z = z.restrict(tc.restrict)
			}
			if diff := cmp.Diff(tc.want, z.subnets()); diff != "" {
				t.Error(diff)
			}
			if len(z) == 0 && z.names() != nil {
				t.Error("the list of no zones is not nil")
			}
		})
	}
}

// TestAvailableStorage is vector 9.10.
func TestAvailableStorage(t *testing.T) {
	t.Parallel()
	disks := instanceView{InstanceStorageDevices: 4, InstanceStorageDeviceSize: 107374182400, Memory: 1000}
	for _, tc := range []struct{ got, want int64 }{
		{instanceView{}.AvailableStorage(0.95, 50<<30, 0.8), 42949672960},
		{disks.AvailableStorage(0.95, 50<<30, 0.8), 408021893120},
		{instanceView{}.AvailableStorage(0.9, 100, 858993459), 85899345900},
		{disks.MemoryFraction(15), 150},
	} {
		if tc.got != tc.want {
			t.Errorf("got %d, want %d", tc.got, tc.want)
		}
	}
}

func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, want, fails string
	}{
		{text: `{{ instanceTypeCPUQuantity "m5.large" }} {{ instanceTypeMemoryQuantity "m5.large" }}`, want: "2 8Gi"},
		{text: `{{ instanceTypeCPUQuantity "mac1.metal" }}`, fails: "unknown instance type: mac1.metal"},
		{text: `{{ amiID "ubuntu-1" "123" }} {{ amiID "ubuntu-*" "123" }}`, want: "ami-1 ami-1"},
		{text: `{{ amiID "ubuntu-1" "124" }}`, fails: "0 images have the name ubuntu-1 and the owner 124"},
		{text: `{{ .Values.vpc_ipv4_cidr }} {{ .Values.vpc_ipv6_cidrs }} {{ .Values.subnet_ipv6_cidrs }}`, want: "172.31.0.0/16 [2a05::/56] 2a05:1::/64,2a05:2::/64"},
		{text: `{{ .Cluster.ConfigItems.vpc_id }} {{ .Cluster.ConfigItems.subnets }} {{ index (index .Cluster.NodePools 0).ConfigItems "vpc_id" }}`, want: "vpc-1 subnet-1a,subnet-1b,subnet-1c "},
		{text: `{{ index .Values.lb_subnets "*" }} {{ index .Values.pod_subnets "*" }} {{ index .Values.internal_node_subnets "*" }}`, want: "subnet-1a,subnet-1b,subnet-1c subnet-1a,subnet-1b,subnet-1c subnet-1a,subnet-1b,subnet-1c"},
		{text: `{{ .Values.load_balancer_certificate }} {{ .Values.etcd_kms_key_arn }}`, want: "arn:cert-1 arn:aws:kms:eu-central-1:123456789012:key/etcd"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			c := awsCluster(func(c *fairway.Cluster) { c.ConfigItems["etcd_instance_type"] = "m5.large" })
			got, err := Eval(t.Context(), EvalInput{Input: Input{Cluster: c, Lookups: lookups(t, nil), ManageEtcdStack: true}, Name: "t", Text: tc.text})
			if tc.fails == "" && (err != nil || got != tc.want) || tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("got %q, %v, want %q, error %q", got, err, tc.want, tc.fails)
			}
		})
	}
}

// A value that was encrypted is masked for who evaluates a template too; one
// that stands in clear in the registry is not.
func TestEval_Masked(t *testing.T) {
	t.Parallel()
	c := awsCluster(func(c *fairway.Cluster) { c.ConfigItems["api_token"] = "token-in-clear" })
	in := EvalInput{Input: Input{Cluster: c, Lookups: lookups(t, nil)}, Text: `{{ .Cluster.ConfigItems.secret }} {{ .Cluster.ConfigItems.secret | base64 }} {{ .Cluster.ConfigItems.api_token }}`}
	if got, err := Eval(t.Context(), in); err != nil || got != "*** *** token-in-clear" {
		t.Errorf("got %q, %v", got, err)
	}
	in.Reveal = true
	if got, err := Eval(t.Context(), in); err != nil || got != "very-secret dmVyeS1zZWNyZXQ= token-in-clear" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestKMS is vector 9.12: the text form of a ciphertext.
func TestKMS(t *testing.T) {
	t.Parallel()
	c := awsCluster(func(c *fairway.Cluster) { c.ConfigItems["secret"] = "aws:kms:Zm9vYmFy" })
	in := EvalInput{Input: Input{Cluster: c, Lookups: lookups(t, nil)}, Text: `{{ .Cluster.ConfigItems.secret }}`, Reveal: true}
	if got, err := Eval(t.Context(), in); err != nil || got != "raboof" {
		t.Errorf("got %q, %v, want foobar reversed", got, err)
	}
	r := lookups(t, nil)
	cipher, err := r.Encrypt(t.Context(), "key", []byte("plain"))
	if err != nil || string(cipher) != "stub-kms\nkey\nnialp" {
		t.Errorf("got %q, %v", cipher, err)
	}
	if plain, err := r.Decrypt(t.Context(), cipher); err != nil || string(plain) != "plain" {
		t.Errorf("got %q, %v", plain, err)
	}
}

// Who tries out a template need not answer what it does not ask.
func TestEval_PartialLookups(t *testing.T) {
	t.Parallel()
	recorded, err := ParseRecorded([]byte(`{"images": [{"name": "a", "owner": "1", "id": "ami-1"}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := EvalInput{Input: Input{Cluster: awsCluster(nil), Lookups: recorded}, Name: "t", Text: `{{ amiID "a" "1" }} {{ .Values.hosted_zone }}`}
	if got, err := Eval(t.Context(), in); err != nil || got != "ami-1 example.zalan.do" {
		t.Errorf("got %q, %v", got, err)
	}
	in.Text = `{{ .Values.subnets }}`
	if _, err := Eval(t.Context(), in); err == nil || !strings.Contains(err.Error(), `value "subnets" is not there`) || !strings.Contains(err.Error(), "default VPC not found in account") {
		t.Errorf("error %v", err)
	}
}

func TestChooseCertificate(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(a.pem))
	wild := Certificate{ARN: "wild", Certificate: a.leaf(t, -10, 100, "*.example.org")}
	exact := Certificate{ARN: "exact", Certificate: a.leaf(t, -10, 100, "kube.example.org")}
	for _, tc := range []struct {
		name string
		all  []Certificate
		want string
	}{
		{"the only one", []Certificate{wild}, "wild"},
		{"the longer name", []Certificate{wild, exact}, "exact"},
		{"the longer name, asked first", []Certificate{exact, wild}, "exact"},
		{"a longer name that ends soon", []Certificate{wild, {ARN: "soon", Certificate: a.leaf(t, -10, 6, "kube.example.org")}}, "wild"},
		{"the newer", []Certificate{wild, {ARN: "newer", Certificate: a.leaf(t, -5, 50, "*.example.org")}}, "newer"},
		{"the newer ends soon", []Certificate{wild, {ARN: "newer", Certificate: a.leaf(t, -5, 6, "*.example.org")}}, "wild"},
		{"the longer valid of equal age", []Certificate{wild, {ARN: "longer", Certificate: a.leaf(t, -10, 200, "*.example.org")}}, "longer"},
		{"the older when the best ends soon", []Certificate{{ARN: "soon", Certificate: a.leaf(t, -5, 6, "*.example.org")}, wild}, "wild"},
		{"an unknown authority", []Certificate{{ARN: "x", Certificate: other.leaf(t, -10, 100, "kube.example.org")}}, ""},
		{"expired", []Certificate{{ARN: "x", Certificate: a.leaf(t, -10, -1, "kube.example.org")}}, ""},
		{"another host", []Certificate{{ARN: "x", Certificate: a.leaf(t, -10, 100, "api.example.org")}}, ""},
		{"two labels for one star", []Certificate{{ARN: "x", Certificate: a.leaf(t, -10, 100, "*.org")}}, ""},
		{"no certificate at all", []Certificate{{ARN: "x", Certificate: "?"}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := chooseCertificate(tc.all, roots, "kube.example.org", testTime)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), "no matching certificate found") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// The masked files hold no secret in any of the forms that templates give it.
func TestFiles_Masked(t *testing.T) {
	t.Parallel()
	files := awsFiles()
	files["cluster/manifests/a/secret.yaml"] = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: {{ .Cluster.ConfigItems.secret | base64 }}\nstringData:\n  clear: in-clear-text\n  b: |\n{{ indent 4 .Cluster.ConfigItems.secret }}\n"
	files["cluster/manifests/a/b.yaml"] = configMap + "{{ printf \"user:%s\" .Cluster.ConfigItems.secret | base64 }}\n  v: \"{{ .Cluster.ConfigItems.secret }}\"\n  t: \"{{ .Cluster.ConfigItems.api_token }}\"\n"
	files["cluster/node-pools/worker-splitaz/userdata.yaml"] = "{{ .NodePool.ConfigItems.secret | sha256 }} {{ .NodePool.ConfigItems.secret }}\n"
	files["cluster/node-pools/worker-karpenter/userdata.yaml"] = "{{ .NodePool.ConfigItems.cert_key }}"
	files["cluster/node-pools/bu/userdata.bu.yaml"] = "variant: flatcar\nversion: 1.0.0\nstorage: {files: [{path: /a, contents: {inline: \"x {{ .NodePool.ConfigItems.secret }}\"}}]}\n"
	files["cluster/node-pools/bu/stack.yaml"] = "u: {{ .Values.UserData }}\n"
	files["cluster/node-pools/worker-splitaz/stack.yaml"] = "u: {{ .Values.UserData }}\n"
	c := awsCluster(func(c *fairway.Cluster) {
		c.ConfigItems["api_token"] = "token-in-clear"
		c.ConfigItems["cert_key"] = "-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key\n-----END KEY-----\n"
		c.NodePools = append(c.NodePools, fairway.NodePool{Name: "bu", Profile: "bu", InstanceTypes: []string{"m5.large"}})
	})
	out := renderAll(t, files, FilesInput{Input: Input{Cluster: c}})
	for path, text := range out {
		if strings.HasPrefix(path, "s3/") || strings.HasSuffix(path, ".b64") {
			t.Errorf("%s cannot be masked and is there", path)
		}
		for _, secret := range []string{"very-secret", "terces", base64.StdEncoding.EncodeToString([]byte("very-secret")), base64.StdEncoding.EncodeToString([]byte("user:very-secret")), "in-clear-text", "token-in-clear",
			"first-line-of-key", "second-line-of-key", base64.StdEncoding.EncodeToString([]byte("x very-secret"))} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", path, secret, text)
			}
		}
	}
	contains(t, "the manifests", out["manifests/a.yaml"], "v: '***'", "a: '***'", "clear: '***'", "b: '***'")
	contains(t, "the items", out["config-items/cluster.final.json"], `"secret": "***"`, `"api_token": "***"`)
	contains(t, "the stack", out["node-pools/workers/stack.yaml"], "u: ***")
	contains(t, "the converted stack", out["node-pools/bu/stack.yaml"], "u: ***")
	contains(t, "the converted user data", out["node-pools/bu/userdata.ign"], "data:;base64,***")
	contains(t, "the user data", out["node-pools/workers/userdata.yaml"], sha256Hex("very-secret")+" ***\n")
}

// TestEngines holds where engines differ (contract 8).
func TestEngines(t *testing.T) {
	t.Parallel()
	tagged := func(file map[string]any) {
		file["subnets"] = []any{
			map[string]any{"id": "s-1", "az": "a", "tags": map[string]any{tagELB: ""}},
			map[string]any{"id": "s-0", "az": "a"},
		}
	}
	const text = `{{ index .Values.subnets "a" }} {{ (index .Cluster.NodePools 2).KarpenterInstanceTypeStrategy }} {{ (index .Cluster.NodePools 0).KarpenterInstanceTypeStrategy }}`
	for _, tc := range []struct {
		engine                  Engine
		text, split, normalised string
		karpenter               bool
	}{
		{EngineFairway, "s-1 not-specified not-specified", "large", "    z: \"\\tx\\n\"\n", true},
		{EngineHead, "s-0 custom not-specified", "", "    z: |\n        \tx\n", true},
		{Engine2024, "s-1 not-specified custom", "large", "  z: \"\\tx\\n\"\n", false},
	} {
		t.Run(string(tc.engine), func(t *testing.T) {
			t.Parallel()
			c := awsCluster(func(c *fairway.Cluster) {
				c.NodePools[0].InstanceTypes = []string{"not-specified"}
				c.NodePools[1].ConfigItems = nil
				c.ConfigItems["etcd_instance_type"] = "m5.large"
			})
			in := Input{Cluster: c, Lookups: lookups(t, tagged), Engine: tc.engine}
			if got, err := Eval(t.Context(), EvalInput{Input: in, Text: text}); err != nil || got != tc.text {
				t.Errorf("got %q, %v, want %q", got, err, tc.text)
			}
			got, err := Eval(t.Context(), EvalInput{Input: in, Text: `{{ index (split (index (index .Cluster.NodePools 1).InstanceTypes 0) ".") 1 }}`})
			if got != tc.split || (err == nil) != (tc.split != "") {
				t.Errorf("got %q, %v, want %q", got, err, tc.split)
			}
			for name, has := range map[string]bool{"eksID": tc.engine != EngineHead, "hasPrefix": tc.engine != Engine2024} {
				if _, err := Eval(t.Context(), EvalInput{Input: in, Text: `{{ if false }}{{ ` + name + ` "a" }}{{ end }}`}); (err == nil) != has {
					t.Errorf("function %s: %v", name, err)
				}
			}
			if tc.engine == EngineHead {
				got, err := Eval(t.Context(), EvalInput{Input: in, Text: `{{ $t := index (index .Cluster.NodePools 1).InstanceTypes 0 }}{{ if eq $t "m5.large" }}{{ $t }} {{ instanceTypeCPUQuantity $t }}{{ end }}`})
				if err != nil || got != "m5.large 2" {
					t.Errorf("named type: %q, %v", got, err)
				}
			}
			c.NodePools[0].InstanceTypes = []string{"m5.large"}
			files := awsFiles()
			files["cluster/manifests/a/a.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  z: \"\\tx\\n\"\n"
			files["cluster/etcd/stack.yaml"] = "a: b\n"
			in.ManageEtcdStack = true
			out := renderAll(t, files, FilesInput{Input: in, Reveal: true})
			wantManifest := "apiVersion: v1\ndata:\n" + tc.normalised + "kind: ConfigMap\nmetadata:\n"
			if !strings.HasPrefix(out["manifests/a.yaml"], wantManifest) {
				t.Errorf("got %q, want %q", out["manifests/a.yaml"], wantManifest)
			}
			if _, there := out["node-pools/karpenter/provisioners.yaml"]; there != tc.karpenter {
				t.Errorf("Karpenter pools: %v, want %v", there, tc.karpenter)
			}
			if _, there := out["cf-deletions.yaml"]; there != (tc.engine != Engine2024) {
				t.Errorf("cf-deletions: %v", there)
			}
		})
	}
}

func TestFiles_Errors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		files   map[string]string
		cluster func(*fairway.Cluster)
		lookups func(map[string]any)
		want    []string
	}{
		{name: "all at once", files: map[string]string{
			"cluster/cluster.yaml": "{{ .Cluster.ConfigItems.moed }}", "cluster/etcd/stack.yaml": "\n{{ .Values.x }}",
			"cluster/node-pools/worker-splitaz/stack.yaml": "{{ if }}", "cluster/manifests/a/a.yaml": "{{ .NodePool.Name }}",
		}, want: []string{`main/cluster/cluster.yaml:1: {{ .Cluster.ConfigItems.moed }}: config item "moed" is not set`, `did you mean "mode"?`, `main/cluster/etcd/stack.yaml:2: {{ .Values.x }}: value "x" is not there`,
			"failed to provision node pool workers: main/cluster/node-pools/worker-splitaz/stack.yaml:1: template does not parse", ".NodePool is not set here"}},
		{name: "no stack", files: map[string]string{"cluster/cluster.yaml": "-", "cluster/node-pools/worker-splitaz/files.yaml": "-"}, want: []string{
			"main/cluster/cluster.yaml: file not found", "failed to provision node pool workers: main/cluster/node-pools/worker-splitaz/files.yaml: file not found"}},
		{name: "no key", lookups: func(f map[string]any) {
			f["stack_outputs"] = map[string]any{"EtcdEncryptionKey": "x", "WorkerFilesEncryptionKey": "k"}
		},
			want: []string{"failed to provision node pool masters: failed to find the encryption key: MasterFilesEncryptionKey"}},
		{name: "unknown type", cluster: func(c *fairway.Cluster) { c.NodePools[1].InstanceTypes = []string{"x9.huge"} },
			want: []string{"failed to provision node pool workers: unknown instance type: x9.huge"}},
		{name: "two sets of disks", lookups: func(f map[string]any) {
			f["instance_types"] = []any{map[string]any{"name": "x", "architectures": []any{"x86_64"}, "disks": []any{map[string]any{}, map[string]any{}}}}
		}, want: []string{"failed to fetch instance types from AWS"}},
		{name: "no network", lookups: func(f map[string]any) { f["vpcs"] = []any{map[string]any{"id": "a"}, map[string]any{"id": "b"}} }, want: []string{"default VPC not found in account"}},
		{name: "unknown subnets", cluster: func(c *fairway.Cluster) { c.ConfigItems["subnets"] = "subnet-1a,subnet-0a" }, want: []string{"invalid or unknown subnets; desired [subnet-1a subnet-0a]"}},
		{name: "no certificate", lookups: func(f map[string]any) { f["certificates"] = []any{} }, want: []string{"no matching certificate found"}},
		{name: "no time", lookups: func(f map[string]any) { delete(f, "now") }, want: []string{"look-ups: now is missing"}},
		{name: "no roots", lookups: func(f map[string]any) { delete(f, "trust_roots_file") }, want: []string{"look-ups: trust_roots_file is missing"}},
		{name: "no base64", cluster: func(c *fairway.Cluster) { c.ConfigItems["secret"] = "aws:kms:?" }, want: []string{"unable to decrypt config items: failed to decrypt config-item: secret: "}},
		{name: "instance types in a custom stack", files: map[string]string{"cluster/cf-manifests/extra.yaml": `{{ instanceTypeCPUQuantity "m5.large" }}`}, want: []string{"function instanceTypeCPUQuantity does not exist in cluster/cf-manifests"}},
		{name: "a stack without a name", files: map[string]string{"cluster/cf-manifests/extra.yaml": "a: b"}, want: []string{`Metadata.StackName is "", which names no stack`}},
		{name: "no URL", files: map[string]string{"cluster/cluster.yaml": strings.Repeat("#\n", 30000)}, lookups: func(f map[string]any) { delete(f, "s3_location") }, want: []string{"main/cluster/cluster.yaml: look-ups: s3_location is missing"}},
		{name: "a loop", files: map[string]string{"cluster/cluster.yaml": "\n{{ range 9000000000 }}{{ end }}"}, want: []string{"main/cluster/cluster.yaml: line 2 is run too often"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files := awsFiles()
			for name, text := range tc.files {
				if files[name] = text; text == "-" {
					delete(files, name)
				}
			}
			_, err := tryAll(t, files, FilesInput{Input: Input{Cluster: awsCluster(tc.cluster), Lookups: lookups(t, tc.lookups), ManageEtcdStack: true}})
			if err == nil {
				t.Fatal("rendered, want an error")
			}
			if code := fairway.ErrorCode(err); code != fairway.CodeInvalid {
				t.Errorf("code %s", code)
			}
			contains(t, "the error", err.Error()+" "+fairway.ErrorHint(err), tc.want...)
		})
	}
}

// Rendering is a function of its inputs: no order of maps shows in it, masked
// or not.
func TestFiles_SameInputSameBytes(t *testing.T) {
	t.Parallel()
	recorded := lookups(t, nil)
	for _, reveal := range []bool{true, false} {
		var first map[string]string
		for range 5 {
			c := awsCluster(func(c *fairway.Cluster) {
				for i := range 20 {
					c.ConfigItems[fmt.Sprintf("item_%d_token", i)] = fmt.Sprintf("value-of-%d", i)
				}
			})
			files := awsFiles()
			files["cluster/manifests/a/b.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n{{ range $k, $v := .Cluster.ConfigItems }}  {{ $k }}: \"{{ $v }}\"\n{{ end }}"
			in := FilesInput{Input: Input{Cluster: c, Lookups: recorded, ManageEtcdStack: true}, Reveal: reveal}
			got := renderAll(t, files, in)
			if first == nil {
				first = got
			}
			if diff := cmp.Diff(first, got); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// TestFiles_PartsThatAreNot: asking for what does not exist is an error, however
// it is asked for, and a hint names only what templates can use.
func TestFiles_PartsThatAreNot(t *testing.T) {
	t.Parallel()
	in := Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: base(map[string]string{"cluster/manifests/ingress/a.yaml": configMap + "1"})}}}
	for _, tc := range []struct {
		only, components []string
		want             string
	}{
		{[]string{"manifests/ingres"}, nil, `there is no component "ingres"`},
		{nil, []string{"ingres"}, `there is no component "ingres"`},
		{[]string{"node-pools/worker"}, nil, `has no node pool "worker"`},
		{[]string{"node-pool"}, nil, `there is no part "node-pool" of a rendering`},
	} {
		_, err := Files(t.Context(), FilesInput{Input: in, Only: tc.only, Components: tc.components})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v %v: error %v, want %q", tc.only, tc.components, err, tc.want)
		}
	}
	_, err := evaluate("{{ .Cluster.Nothing }}", nil)
	if hint := fairway.ErrorHint(err); !strings.Contains(hint, "Environment") || strings.Contains(hint, "engine") {
		t.Errorf("hint %q", hint)
	}
}
