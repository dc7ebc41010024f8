package render

import (
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// TestFunctions holds the vectors of contract 3.5 and 9, and the errata.
func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, want string
		fails      string // part of the error; "" for none
	}{
		{text: `{{ accountID "aws:123" }}`, want: "123"},
		{text: `{{ accountID "a:b:c" }}`, fails: "invalid account (expected type:id): a:b:c"},
		{text: `{{ accountID "abc" }}`, fails: "invalid account (expected type:id): abc"},
		{text: `{{ getAWSAccountID "aws:123" }}`, want: "123"},
		{text: `{{ getAWSAccountID "aws" }}`, fails: "no colon"},
		{text: `{{ eksID "aws:1:eu:kube-1" }}`, want: "kube-1"},
		{text: `{{ join "," (append (split "a,b" ",") "c" "d") }}`, want: "a,b,c,d"},
		{text: `{{ $a := split "a" "," }}{{ $b := append $a "b" }}{{ $c := append $a "c" }}{{ $b }}{{ $c }}`, want: "[a b][a c]"},
		{text: `{{ join "-" (list 1 "a" nil 2.5) }}`, want: "1-a-2.5"},
		{text: `{{ join "-" "alone" }}`, want: "alone"},
		{text: `{{ join "-" nil }}`, want: ""},
		{text: `{{ (dict "a" 1 "b" 2).b }}`, want: "2"},
		{text: `{{ dict }}`, fails: "needs pairs"},
		{text: `{{ dict "a" }}`, fails: "needs pairs"},
		{text: `{{ dict 1 2 }}`, fails: "not a string"},
		{text: `{{ dict "a" 1 "a" 2 }}`, fails: "duplicate key: a"},
		{text: `{{ range split "" "," }}x{{ end }}`, want: ""},
		{text: `{{ len (split "a,b," ",") }}`, want: "3"},
		{text: `{{ indent 2 "a\n\nb" }}`, want: "  a\n  \n  b"},
		{text: `{{ indent 9000000 "a" }}`, fails: "more than"},
		{text: `{{ hasPrefix "abc" "ab" }}{{ hasSuffix "abc" "ab" }}`, want: "truefalse"},
		{text: `{{ base64 "hi" }} {{ base64Decode "aGk=" }}`, want: "aGk= hi"},
		{text: `{{ base64Decode "?" }}`, fails: "illegal base64"},
		{text: `{{ sha256 "foo abc123" }}`, want: "82b883f3662dfed3357ba6c497a77684b1d84468c6aa49bf89c4f209889ddc77"},
		{text: `{{ asgSize 6 3 }}`, want: "2"},
		{text: `{{ asgSize 7 3 }}`, fails: "pool size must be an exact multiple of 3"},
		{text: `{{ asgSize 7 0 }}`, fails: "divide"},
		{text: `{{ azID "eu-central-1a" }} {{ azID "x" }}`, want: "1a x"},
		{text: `{{ azCount .Values.subnets }}`, want: "2"},
		{text: `{{ awsValidID "a:b:c" }}`, want: "a__b__c"},
		{text: `{{ mountUnitName "/foo/bar" }}`, want: "foo-bar"},
		{text: `{{ mountUnitName "foo" }}`, fails: "not an absolute path"},
		{text: `{{ parseInt64 "42" }}`, want: "42"},
		{text: `{{ parseInt64 "0x1" }}`, fails: "invalid syntax"},
		{text: `{{ range portRanges "1-2,80-90" }}{{ .FromPort }}:{{ .ToPort }} {{ end }}`, want: "1:2 80:90 "},
		{text: `{{ portRanges "1" }}`, fails: "invalid port range"},
		{text: `{{ portRanges "9-8" }}`, fails: "invalid port range"},
		{text: `{{ portRanges "1-65536" }}`, fails: "invalid port range"},
		{text: `{{ portRanges "a-2" }}`, fails: "invalid port"},
		{text: `{{ range sgIngressRanges "10.1.2.3/8:80,udp:1.2.3.4/32:53-54" }}{{ .CIDR }} {{ .Protocol }} {{ .FromPort }} {{ .ToPort }};{{ end }}`, want: "10.0.0.0/8 tcp 80 80;1.2.3.4/32 udp 53 54;"},
		{text: `{{ sgIngressRanges "icmp:1.2.3.4/32:1" }}`, fails: "invalid protocol"},
		{text: `{{ sgIngressRanges "1.2.3.4:1" }}`, fails: "invalid CIDR"},
		{text: `{{ (splitHostPort "a:1").Host }}/{{ (splitHostPort "[::1]:2").Port }}`, want: "a/2"},
		{text: `{{ splitHostPort "a" }}`, fails: "missing port"},
		{text: `{{ extractEndpointHosts "https://b:1,a:2,b" }}`, want: "[a b]"},
		{text: `{{ len (extractEndpointHosts "") }}`, want: "1"},
		{text: `{{ printf "%q" (extractEndpointHosts "httpd") }}`, want: `[""]`},
		{text: `{{ extractEndpointHosts "http://[::1]:80" }}`, want: "[::1]"},
		{text: `{{ stupsNATSubnets "10.153.192.0/19" }}`, want: "[10.153.200.0/28 10.153.200.16/28 10.153.200.32/28]"},
		{text: `{{ stupsNATSubnets "172.31.0.0/16" }}`, want: "[172.31.64.0/28 172.31.64.16/28 172.31.64.32/28]"},
		{text: `{{ stupsNATSubnets "10.0.0.0/25" }}`, fails: "expected an IPv4 network"},
		{text: `{{ nthAddressFromCIDR "2a05:d014:9c0:bf05::/64" 50 }}`, want: "2a05:d014:9c0:bf05::32"},
		{text: `{{ nthAddressFromCIDR "10.0.0.250/32" 10 }}`, want: "10.0.0.4"},
		{text: `{{ nodeCIDRMaxNodesPodCIDR 16 24 10 }} {{ nodeCIDRMaxNodesPodCIDR 14 26 0 }} {{ nodeCIDRMaxNodes 24 10 }}`, want: "246 4096 246"},
		{text: `{{ nodeCIDRMaxNodesPodCIDR 13 24 0 }}`, fails: "14 to 16"},
		{text: `{{ nodeCIDRMaxNodes 29 0 }}`, fails: "24 to 28"},
		{text: `{{ nodeCIDRMaxPods 25 0 }} {{ nodeCIDRMaxPods 27 5 }} {{ nodeCIDRMaxPods 24 0 }}`, want: "64 21 110"},
		{text: `{{ kubernetesSizeToKiloBytes "1Gi" 0.5 }} {{ kubernetesSizeToKiloBytes "1025" 1 }}`, want: "524288KB 2KB"},
		{text: `{{ kubernetesSizeToKiloBytes "0.5" 1 }}`, fails: "not an integer quantity"},
		{text: `{{ indexedList "a$" 3 }}|{{ indexedList "a" 0 }}`, want: "a0,a1,a2|"},
		{text: `{{ indexedList "a" -1 }}`, fails: "cannot make -1"},
		{text: `{{ indexedList "abc" 9000000000 }}`, fails: "more than"},
		{text: `{{ sumQuantities "2" "-518m" }} {{ sumQuantities "2Gi" "-512Mi" }} {{ sumQuantities "5" "-3" }} {{ sumQuantities }}`, want: "1482m 1536Mi 2 0"},
		{text: `{{ scaleQuantity "2" 0.014 }} {{ scaleQuantity "8Gi" 0.003 }} {{ scaleQuantity "8Gi" 0.134 }} {{ scaleQuantity "2" 0.025 }}`, want: "28m 25769804 1151051264 50m"},
		{text: `{{ scaleQuantity "16Gi" 0.1 }} {{ scaleQuantity "4" 0.3 }} {{ scaleQuantity "2.5Gi" 1 }} {{ scaleQuantity "2000" 0.5 }}`, want: "1717986944 1200m 2560Mi 1k"},
		{text: `{{ scaleQuantity "2" 0.0 }}`, fails: "greater than 0"},
		{text: `{{ scaleQuantity "x" 1 }}`, fails: "quantities must match"},
		{text: `{{ manifestHash "x.yaml" }}`, fails: "template file not found: x.yaml"},
		{text: `{{ amiID "a" "b" }}`, fails: "function amiID needs look-ups, which provider local does not have"},
		{text: `{{ instanceTypeCPUQuantity "m5.large" }}`, fails: "function instanceTypeCPUQuantity needs look-ups, which provider local does not have"},
		{text: `{{ publicKey "x" }}`, fails: "there is no PEM data"},
		{text: `{{ certificateExpiry "x" }}`, fails: "there is no PEM data"},
		{text: `{{ generateJWKSDocument "x" }}`, fails: "there is no PEM data"},
		{text: `{{ index .InstanceTypes 0 }}`, fails: `the root of a template has no field "InstanceTypes"`},
		{text: `{{ index (split (index .NodePool.InstanceTypes 0) ".") 1 }}`, want: "large"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(tc.text, nil)
			if tc.fails == "" && (err != nil || got != tc.want) {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("got %q, error %v, want an error with %q", got, err, tc.fails)
			}
		})
	}
}

func TestDiscoveryDocument(t *testing.T) {
	t.Parallel()
	got, err := evaluate(`{{ generateOIDCDiscoveryDocument "https://x" }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
    "issuer": "https://x",
    "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
    "jwks_uri": "https://x/openid-configuration/keys.json",
    "response_types_supported": [
        "id_token"
    ],
    "subject_types_supported": [
        "public"
    ],
    "id_token_signing_alg_values_supported": [
        "RS256"
    ],
    "claims_supported": [
        "sub",
        "iss"
    ]
}`
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestPoolGroups(t *testing.T) {
	t.Parallel()
	pool := func(name, profile string, items map[string]string) fairway.NodePool {
		return fairway.NodePool{Name: name, Profile: profile, ConfigItems: items}
	}
	got, err := evaluate(`{{ zoneDistributedNodePoolGroups .Cluster.NodePools }} {{ nodeLifeCycleProviderPerNodePoolGroup .Cluster.NodePools }}`, func(c *fairway.Cluster) {
		c.NodePools = []fairway.NodePool{
			pool("m", "master-default", nil),
			pool("a", "worker-splitaz", nil),
			pool("b", "worker-splitaz", map[string]string{"labels": "x=y,dedicated=gpu", "taints": "dedicated=gpu:NoSchedule"}),
			pool("c", "worker-splitaz", map[string]string{"labels": "dedicated=db", "taints": "dedicated=other:NoSchedule"}),
			pool("d", "worker-karpenter", map[string]string{"labels": "dedicated=db", "taints": "dedicated=db:NoSchedule"}),
			pool("e", "worker-combined", map[string]string{"taints": "x"}),
			pool("f", "worker-karpenter", map[string]string{"labels": "dedicated=k", "availability_zones": "a", "taints": "dedicated=k:NoSchedule"}),
		}
	})
	if want := "map[:true gpu:true] map[db: default:zalando gpu:zalando k:karpenter]"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
