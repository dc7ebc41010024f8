package ignition

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func url(text string) string {
	return "data:;base64," + base64.StdEncoding.EncodeToString([]byte(text))
}

func convert(file, text string) (string, error) {
	return Convert(Source{File: file, Text: text, Local: func(name string) ([]byte, error) {
		if name != "files/motd" {
			return nil, errors.New("no such file")
		}
		return []byte("welcome\n"), nil
	}})
}

type object = map[string]any
type array = []any

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text string
		want             object // beside ignition.version
	}{
		{"nothing", "a.clc.yaml", "", object{}},
		{"units and drop-ins", "a.clc.yaml", `
systemd:
  units:
  - name: kubelet.service
    enable: true
    contents: "[Service]\nExecStart=/kubelet\n"
    dropins:
    - {name: 10-flags.conf, contents: "[Service]\nEnvironment=A=b\n"}
  - {name: etcd.service, mask: true}
`, object{"systemd": object{"units": array{
			object{"name": "kubelet.service", "enabled": true, "contents": "[Service]\nExecStart=/kubelet\n", "dropins": array{object{"name": "10-flags.conf", "contents": "[Service]\nEnvironment=A=b\n"}}},
			object{"name": "etcd.service", "mask": true}}}}},
		{"files of all kinds", "a.clc.yaml", `
storage:
  files:
  - {path: /a, filesystem: root, mode: 0600, contents: {inline: "hi\n"}, user: {name: core}, group: {id: 500}}
  - {path: /b, contents: {local: files/motd}}
  - path: /c
    contents:
      remote: {url: "https://example.org/c.gz", compression: gzip, verification: {hash: {function: sha512, sum: ` + strings.Repeat("ab", 64) + `}}}
  - {path: /d, append: true, contents: {inline: more}}
  directories:
  - {path: /var/lib/x, mode: 0755}
  links:
  - {path: /l, target: /a, hard: false}
`, object{"storage": object{
			"files": array{
				object{"path": "/a", "mode": 384., "overwrite": true, "contents": object{"source": url("hi\n")}, "user": object{"name": "core"}, "group": object{"id": 500.}},
				object{"path": "/b", "overwrite": true, "contents": object{"source": url("welcome\n")}},
				object{"path": "/c", "overwrite": true, "contents": object{"source": "https://example.org/c.gz", "compression": "gzip", "verification": object{"hash": "sha512-" + strings.Repeat("ab", 64)}}},
				object{"path": "/d", "append": array{object{"source": url("more")}}},
			},
			"directories": array{object{"path": "/var/lib/x", "mode": 493.}},
			"links":       array{object{"path": "/l", "target": "/a", "hard": false}},
		}}},
		{"users and keys", "a.clc.yaml", `
passwd:
  users:
  - {name: core, ssh_authorized_keys: [ssh-ed25519 AAAA me], groups: [sudo], shell: /bin/bash, uid: 500}
  groups:
  - {name: ops, gid: 1000}
`, object{"passwd": object{
			"users":  array{object{"name": "core", "sshAuthorizedKeys": array{"ssh-ed25519 AAAA me"}, "groups": array{"sudo"}, "shell": "/bin/bash", "uid": 500.}},
			"groups": array{object{"name": "ops", "gid": 1000.}},
		}}},
		{"filesystems by name", "a.clc.yaml", `
storage:
  disks:
  - {device: /dev/sdb, wipe_table: true, partitions: [{label: data, number: 1, size: 10GiB}]}
  filesystems:
  - {name: data, path: /data, mount: {device: /dev/sdb1, format: ext4, label: DATA, wipe_filesystem: true}}
  - {name: oem, path: /usr/share/oem}
  files:
  - {filesystem: data, path: /x, contents: {inline: a}}
  - {filesystem: oem, path: /y, contents: {inline: b}}
`, object{"storage": object{
			"disks":       array{object{"device": "/dev/sdb", "wipeTable": true, "partitions": array{object{"label": "data", "number": 1., "sizeMiB": 10240.}}}},
			"filesystems": array{object{"path": "/data", "device": "/dev/sdb1", "format": "ext4", "label": "DATA", "wipeFilesystem": true}},
			"files": array{
				object{"path": "/data/x", "overwrite": true, "contents": object{"source": url("a")}},
				object{"path": "/usr/share/oem/y", "overwrite": true, "contents": object{"source": url("b")}},
			},
		}}},
		{"update and locksmith", "a.clc.yaml", "locksmith: {reboot_strategy: off}\nupdate: {group: beta, server: \"https://u.example.org\"}\n", object{"storage": object{"files": array{
			object{"path": "/etc/coreos/update.conf", "mode": 420., "overwrite": true, "contents": object{"source": url("REBOOT_STRATEGY=\"off\"\nGROUP=\"beta\"\nSERVER=\"https://u.example.org\"\n")}}}}}},
		{"networkd", "a.clc.yaml", "networkd:\n  units:\n  - {name: 00-eth.network, contents: \"[Match]\\n\", dropins: [{name: a.conf, contents: b}]}\n", object{"storage": object{"files": array{
			object{"path": "/etc/systemd/network/00-eth.network", "mode": 420., "overwrite": true, "contents": object{"source": url("[Match]\n")}},
			object{"path": "/etc/systemd/network/00-eth.network.d/a.conf", "mode": 420., "overwrite": true, "contents": object{"source": url("b")}}}}}},
		{"another config first", "a.clc.yaml", "ignition:\n  config: {append: [{source: \"https://example.org/i\"}]}\n  timeouts: {http_total: 30}\n", object{
			"ignition": object{"config": object{"merge": array{object{"source": "https://example.org/i"}}}, "timeouts": object{"httpTotal": 30.}}}},
		{"Butane", "a.bu.yaml", `
variant: flatcar
version: 1.1.0
storage:
  filesystems:
  - {device: /dev/disk/by-label/my-data, path: /var/lib/data, format: ext4, with_mount_unit: true, mount_options: [noatime]}
  files:
  - {path: /a, contents: {inline: x}, append: [{inline: y}]}
systemd:
  units:
  - {name: a.service, enabled: false, contents_local: files/motd}
kernel_arguments: {should_exist: [quiet]}
`, object{
			"storage": object{
				"filesystems": array{object{"device": "/dev/disk/by-label/my-data", "path": "/var/lib/data", "format": "ext4", "mountOptions": array{"noatime"}}},
				"files":       array{object{"path": "/a", "contents": object{"source": url("x")}, "append": array{object{"source": url("y")}}}},
			},
			"systemd": object{"units": array{
				object{"name": "a.service", "enabled": false, "contents": "welcome\n"},
				object{"name": "var-lib-data.mount", "enabled": true, "contents": "# Made from with_mount_unit\n[Unit]\nRequires=systemd-fsck@dev-disk-by\\x2dlabel-my\\x2ddata.service\nAfter=systemd-fsck@dev-disk-by\\x2dlabel-my\\x2ddata.service\n\n[Mount]\nWhere=/var/lib/data\nWhat=/dev/disk/by-label/my-data\nType=ext4\nOptions=noatime\n\n[Install]\nRequiredBy=local-fs.target\n"},
			}},
			"kernelArguments": object{"shouldExist": array{"quiet"}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := convert(tc.file, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			var got object
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if tc.want["ignition"] == nil {
				tc.want["ignition"] = object{}
			}
			tc.want["ignition"].(object)["version"] = "3.4.0"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			again, err := convert(tc.file, tc.text)
			if err != nil || again != text {
				t.Errorf("a second time it is %s, %v", again, err)
			}
		})
	}
}

func TestConvert_Errors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text string
		want             []string
	}{
		{"unknown key", "a.clc.yaml", "systemd:\n  units:\n  - name: a.service\n    enabeld: true\n", []string{`a.clc.yaml:4: unknown key "enabeld"`, `did you mean "enabled"?`}},
		{"several at once", "a.clc.yaml", "storge: {}\npasswd:\n  users:\n  - {name: [a]}\n", []string{`a.clc.yaml:1: unknown key "storge"`, "a.clc.yaml:4: a text is expected"}},
		{"a key twice", "a.clc.yaml", "systemd: {units: []}\nsystemd: {}\n", []string{`a.clc.yaml:2: key "systemd" is there twice`}},
		{"no YAML", "a.clc.yaml", "a: [", []string{"a.clc.yaml: yaml: line 1"}},
		{"no mapping", "a.clc.yaml", "- a", []string{"a.clc.yaml:1: a mapping is expected"}},
		{"two documents", "a.clc.yaml", "systemd: {}\n---\na: b\n", []string{"a.clc.yaml:2: a second YAML document"}},
		{"two contents", "a.clc.yaml", "storage:\n  files:\n  - path: /a\n    contents:\n      inline: x\n      local: files/motd\n", []string{"a.clc.yaml:6: the contents are given twice"}},
		{"no local file", "a.clc.yaml", "storage:\n  files:\n  - path: /a\n    contents: {local: files/none}\n", []string{"a.clc.yaml:4: local file files/none: no such file"}},
		{"a path out of the configuration", "a.clc.yaml", "storage:\n  files:\n  - path: /a\n    contents: {local: ../secret}\n", []string{`a.clc.yaml:4: "../secret" is no path inside`}},
		{"unknown filesystem", "a.clc.yaml", "storage:\n  filesystems:\n  - {name: data, path: /data}\n  files:\n  - path: /a\n    filesystem: dta\n", []string{`a.clc.yaml:6: there is no filesystem "dta"`}},
		{"a section without a place", "a.clc.yaml", "etcd:\n  version: 3.3.1\n", []string{"a.clc.yaml:2: this section is not converted"}},
		{"unknown strategy", "a.clc.yaml", "locksmith:\n  reboot_strategy: maybe\n", []string{`reboot_strategy "maybe" does not exist`}},
		{"a relative path", "a.clc.yaml", "storage:\n  files:\n  - path: /ok\n    contents: {inline: a}\n  - path: relative\n    contents: {inline: b}\n", []string{"a.clc.yaml:5: path not absolute"}},
		{"a file twice", "a.clc.yaml", "storage:\n  files:\n  - {path: /a, contents: {inline: x}}\n  - {path: /a, contents: {inline: y}}\n", []string{"a.clc.yaml:4: duplicate entry defined"}},
		{"a unit without an end", "a.clc.yaml", "systemd:\n  units:\n  - name: kubelet\n    contents: \"[Service]\\n\"\n", []string{"a.clc.yaml:3: invalid systemd unit extension"}},
		{"a broken hash", "a.bu.yaml", "variant: fcos\nversion: 1.5.0\nstorage:\n  files:\n  - path: /a\n    contents:\n      source: https://example.org\n      verification: {hash: sha512-1}\n", []string{"a.bu.yaml:8: "}},
		{"no variant", "a.bu.yaml", "systemd: {}\n", []string{"a.bu.yaml:1: variant is missing", "a.bu.yaml:1: version is missing"}},
		{"a foreign variant", "a.bu.yaml", "variant: openshift\nversion: 4.14.0\n", []string{`a.bu.yaml:1: variant "openshift" is not converted`, `a.bu.yaml:2: version "4.14.0" is not converted`}},
		{"a mode that is no number", "a.clc.yaml", "storage:\n  files:\n  - {path: /a, mode: rw}\n", []string{"a.clc.yaml:3: a whole number is expected"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := convert(tc.file, tc.text)
			if err == nil {
				t.Fatalf("converted to %s, want an error", text)
			}
			all := err.Error()
			if many, ok := err.(interface{ Unwrap() []error }); ok {
				for _, one := range many.Unwrap() {
					all += " " + fairway.ErrorHint(one)
					if fairway.ErrorCode(one) != fairway.CodeInvalid {
						t.Errorf("code %s of %v", fairway.ErrorCode(one), one)
					}
				}
			}
			for _, want := range tc.want {
				if !strings.Contains(all, want) {
					t.Errorf("error %q lacks %q", all, want)
				}
			}
		})
	}
}

func FuzzConvert(f *testing.F) {
	for _, text := range []string{"", "a: b", "storage: {files: [{path: /a}]}", "variant: fcos\nversion: 1.0.0\n", "systemd: {units: [&a {name: a.service}, *a]}", "storage: {filesystems: [{mount: {}}]}", "a: &a [*a]"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, butane bool) {
		file := "a.clc.yaml"
		if butane {
			file = "a.bu.yaml"
		}
		if out, err := convert(file, text); err == nil && !json.Valid([]byte(out)) {
			t.Fatalf("%q is no JSON", out)
		}
	})
}
