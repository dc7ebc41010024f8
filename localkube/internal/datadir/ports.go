package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// portsFile is written by the first start of a folder.
const portsFile = "ports.json"

// Listeners are the two addresses a cluster is reached at.
type Listeners struct {
	API        net.Listener
	NodeGroups net.Listener
}

// ports is the content of ports.json: what the folder was first started with.
type ports struct {
	API        int `json:"api"`
	NodeGroups int `json:"nodegroups"`
}

// Listen opens the cluster's two listeners on address. The first time free
// ports are chosen; from then on they are part of the folder, so that
// kubeconfigs keep working, and a taken one is an error.
func (d *Dir) Listen(address string) (*Listeners, error) {
	known, err := d.ports()
	if err != nil {
		return nil, err
	}
	api, err := d.listen(address, known.API, "API server")
	if err != nil {
		return nil, err
	}
	groups, err := d.listen(address, known.NodeGroups, "node-group service")
	if err != nil {
		api.Close()
		return nil, err
	}
	l := &Listeners{API: api, NodeGroups: groups}
	chosen := ports{API: Port(api), NodeGroups: Port(groups)}
	if chosen != known {
		data, _ := json.Marshal(chosen)
		if err := WriteFile(d.Path(portsFile), data, 0o600); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

func (d *Dir) ports() (ports, error) {
	var p ports
	data, err := os.ReadFile(d.Path(portsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read ports of the cluster: %w", err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("read ports of the cluster from %s: %w; delete the file to have new ports chosen", d.Path(portsFile), err)
	}
	return p, nil
}

func (d *Dir) listen(address string, port int, what string) (net.Listener, error) {
	if port == 0 {
		port = quietPort(address)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen for the %s on %s port %d: another process uses the port; stop it (`ss -ltnp 'sport = :%d'` shows it), or delete %s to have new ports chosen",
			what, address, port, port, d.Path(portsFile))
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the %s on %s port %d: %w; --address must be an address of this machine", what, address, port, err)
	}
	return l, nil
}

// quietPort finds a free port below those that the kernel gives to outgoing
// connections: one of these might be in use for a moment at the next start.
// Zero, the kernel's choice, is the answer when none is found.
func quietPort(address string) int {
	low := 32768
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if fields := strings.Fields(string(data)); len(fields) == 2 {
			low, _ = strconv.Atoi(fields[0])
		}
	}
	const span = 12000
	if low <= 1024+span {
		return 0
	}
	for range 50 {
		port := low - 1 - rand.IntN(span)
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	return 0
}

// Port is the port l listens on.
func Port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// Close closes both listeners.
func (l *Listeners) Close() {
	l.API.Close()
	l.NodeGroups.Close()
}
