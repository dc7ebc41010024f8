package gitrepo

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// sshHost is a real SSH server on this machine, one process for each connection.
type sshHost struct {
	dir  string // with the keys
	addr string
	user string
}

func newSSH(t *testing.T) *sshHost {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd" // not in the PATH of everybody
	}
	if _, err := os.Stat(sshd); err != nil {
		t.Fatalf("sshd is needed by this test: apt-get install openssh-server (%v)", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := &sshHost{dir: t.TempDir(), user: me.Username}
	for _, key := range []string{"host", "client", "stranger"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", h.file(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
	}
	if me.Uid == "0" { // sshd wants an empty folder to lock itself into
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
		h.file("host"), h.file("client.pub"))
	if err := os.WriteFile(h.file("config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	h.addr = listener.Addr().String()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f, err := c.(*net.TCPConn).File()
				if err != nil {
					return
				}
				defer f.Close()
				cmd := exec.Command(sshd, "-i", "-e", "-f", h.file("config"))
				cmd.Stdin, cmd.Stdout = f, f
				_ = cmd.Run() // the client sees what is wrong
			}()
		}
	}()
	public, err := os.ReadFile(h.file("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(h.addr)
	if err := os.WriteFile(h.file("known hosts"), append([]byte("["+host+"]:"+port+" "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.file("no hosts"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *sshHost) file(name string) string { return filepath.Join(h.dir, name) }

func (h *sshHost) location(path string) string { return "ssh://" + h.user + "@" + h.addr + path }

// TestSSH: a key reads and promotes over SSH; an unknown host, a key that is not
// accepted and one that others can read are told apart.
func TestSSH(t *testing.T) {
	t.Parallel()
	h := newSSH(t)
	r := newRepo(t)
	r.git("branch", "alpha")
	second := r.commit("second")
	bare := filepath.Join(t.TempDir(), "config.git")
	run(t, ".", "clone", "--quiet", "--bare", r.dir, bare)
	s, _ := with(t, h.location(bare), fixed(Credential{SSHKey: h.file("client"), KnownHosts: h.file("known hosts")}))
	refresh(t, s)
	if got := resolve(t, s, "dev"); got != second {
		t.Errorf("dev is at %s", got)
	}
	if err := s.Promote(t.Context(), "alpha", second); err != nil {
		t.Fatal(err)
	}
	if got := run(t, ".", "--git-dir", bare, "rev-parse", "refs/heads/alpha"); got != second {
		t.Errorf("alpha is at %s", got)
	}

	open := filepath.Join(h.dir, "open")
	private, err := os.ReadFile(h.file("client"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, private, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", h.file("locked")).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	for _, tc := range []struct {
		name, key, hosts, text, hint string
	}{
		{"an unknown host", h.file("client"), h.file("no hosts"), "Host key verification failed", "ssh-keyscan"},
		{"a key that is not accepted", h.file("stranger"), h.file("known hosts"), "Permission denied", "add the public key"},
		{"a key with a passphrase", h.file("locked"), h.file("known hosts"), "Permission denied", "no passphrase"},
		{"a key that others can read", open, h.file("known hosts"), "bad permissions", "chmod 600"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, _ := with(t, h.location(bare), fixed(Credential{SSHKey: tc.key, KnownHosts: tc.hosts, About: "the key"}))
			err := s.Refresh(t.Context())
			wants(t, err, fairway.CodeUnavailable, tc.text, tc.hint)
			if private := bytes.TrimSpace(private); strings.Contains(fmt.Sprint(err), string(private)) {
				t.Error("the error holds the key")
			}
		})
	}
}
