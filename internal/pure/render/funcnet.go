package render

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

var netFunctions = template.FuncMap{
	"extractEndpointHosts":    extractEndpointHosts,
	"nodeCIDRMaxNodes":        func(mask, reserved int64) (int64, error) { return maxNodes(16, mask, reserved) },
	"nodeCIDRMaxNodesPodCIDR": maxNodes,
	"nodeCIDRMaxPods":         maxPods,
	"nthAddressFromCIDR":      nthAddress,
	"portRanges":              portRanges,
	"sgIngressRanges":         sgIngressRanges,
	"splitHostPort":           splitHostPort,
	"stupsNATSubnets":         natSubnets,
}

// portRange is an element of portRanges.
type portRange struct{ FromPort, ToPort int }

// ingressRange is an element of sgIngressRanges.
type ingressRange struct {
	CIDR, Protocol   string
	FromPort, ToPort int
}

// hostPort is the result of splitHostPort.
type hostPort struct{ Host, Port string }

func splitHostPort(s string) (hostPort, error) {
	host, port, err := net.SplitHostPort(s)
	return hostPort{host, port}, err
}

// portRanges reads a-b,c-d.
func portRanges(s string) ([]portRange, error) {
	var all []portRange
	for text := range strings.SplitSeq(s, ",") {
		parts := strings.Split(text, "-")
		if len(parts) != 2 {
			return nil, fmt.Errorf("invalid port range (expected from-to): %s", text)
		}
		r, err := newPortRange(parts[0], parts[1])
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func newPortRange(from, to string) (portRange, error) {
	var r portRange
	var err error
	if r.FromPort, err = strconv.Atoi(from); err != nil {
		return r, fmt.Errorf("invalid port: %s", from)
	}
	if r.ToPort, err = strconv.Atoi(to); err != nil {
		return r, fmt.Errorf("invalid port: %s", to)
	}
	if r.FromPort > r.ToPort || r.FromPort < 0 || r.ToPort > 65535 {
		return r, fmt.Errorf("invalid port range: %d-%d", r.FromPort, r.ToPort)
	}
	return r, nil
}

// sgIngressRanges reads a list of [protocol:]cidr:port[-port].
func sgIngressRanges(s string) ([]ingressRange, error) {
	var all []ingressRange
	for text := range strings.SplitSeq(s, ",") {
		r := ingressRange{Protocol: "tcp"}
		parts := strings.Split(text, ":")
		if len(parts) == 3 {
			r.Protocol, parts = parts[0], parts[1:]
		}
		if len(parts) != 2 {
			return nil, fmt.Errorf("invalid ingress range (expected [protocol:]cidr:port[-port]): %s", text)
		}
		if r.Protocol != "tcp" && r.Protocol != "udp" {
			return nil, fmt.Errorf("invalid protocol (expected tcp or udp): %s", r.Protocol)
		}
		_, network, err := net.ParseCIDR(parts[0])
		if err != nil {
			return nil, err
		}
		r.CIDR = network.String()
		from, to, isRange := strings.Cut(parts[1], "-")
		if !isRange {
			to = from
		}
		ports, err := newPortRange(from, to)
		if err != nil {
			return nil, err
		}
		r.FromPort, r.ToPort = ports.FromPort, ports.ToPort
		all = append(all, r)
	}
	return all, nil
}

// extractEndpointHosts are the sorted, unique host names of a list of
// endpoints, the empty one included.
func extractEndpointHosts(s string) ([]string, error) {
	hosts := map[string]bool{}
	for endpoint := range strings.SplitSeq(s, ",") {
		if !strings.HasPrefix(endpoint, "http") {
			endpoint = "http://" + endpoint
		}
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, err
		}
		hosts[u.Hostname()] = true
	}
	return slices.Sorted(maps.Keys(hosts)), nil
}

// nthAddress adds n to the last byte, and only to it, of a network's address.
func nthAddress(cidr string, n int) (string, error) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return "", err
	}
	ip := network.IP
	ip[len(ip)-1] += byte(n)
	return ip.String(), nil
}

// natSubnets are the first three /28 of the second quarter of an IPv4 network.
func natSubnets(cidr string) ([]string, error) {
	network, err := netip.ParsePrefix(cidr)
	if err != nil {
		return nil, err
	}
	if bits := network.Bits(); !network.Addr().Is4() || bits < 1 || bits > 24 {
		return nil, fmt.Errorf("expected an IPv4 network of /1 to /24: %s", cidr)
	}
	b := network.Masked().Addr().As4()
	start := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	start += 1 << (32 - network.Bits() - 2)
	var all []string
	for i := range uint32(3) {
		a := start + i*16
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), 28).String())
	}
	return all, nil
}

// maxNodes is how many node networks of a mask a pod network holds, without
// the reserved ones.
func maxNodes(pod, mask, reserved int64) (int64, error) {
	if pod < 14 || pod > 16 {
		return 0, fmt.Errorf("invalid mask of the pod network (expected 14 to 16): %d", pod)
	}
	if err := checkNodeMask(mask); err != nil {
		return 0, err
	}
	return 1<<(mask-pod) - reserved, nil
}

// maxPods is how many pods a node with a network of a mask can hold.
func maxPods(mask, extra int64) (int64, error) {
	if err := checkNodeMask(mask); err != nil {
		return 0, err
	}
	return min(110, 1<<(31-mask)+extra), nil
}

func checkNodeMask(mask int64) error {
	if mask < 24 || mask > 28 {
		return fmt.Errorf("invalid mask of a node network (expected 24 to 28): %d", mask)
	}
	return nil
}
