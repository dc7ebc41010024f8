package ignition

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// updateConf is where Container Linux and its heirs read how they update.
const updateConf = "/etc/coreos/update.conf"

// settings are the lines of updateConf by key of the section, in the order in
// which they are written.
var (
	updateSettings    = []setting{{"group", "GROUP"}, {"server", "SERVER"}}
	locksmithSettings = []setting{
		{"reboot_strategy", "REBOOT_STRATEGY"}, {"window_start", "LOCKSMITHD_REBOOT_WINDOW_START"}, {"window_length", "LOCKSMITHD_REBOOT_WINDOW_LENGTH"},
		{"group", "LOCKSMITHD_GROUP"}, {"etcd_endpoints", "LOCKSMITHD_ENDPOINT"}, {"etcd_cafile", "LOCKSMITHD_ETCD_CAFILE"},
		{"etcd_certfile", "LOCKSMITHD_ETCD_CERTFILE"}, {"etcd_keyfile", "LOCKSMITHD_ETCD_KEYFILE"},
	}
	strategies = []string{"off", "reboot", "etcd-lock", "best-effort"}
)

type setting struct{ key, name string }

// containerLinux reads a Container Linux Config, which is made for Ignition 2:
// what that does otherwise than Ignition 3 is written out.
func (p *parser) containerLinux(root *yaml.Node, out map[string]any) {
	var conf []string
	lines := func(section string, all []setting) read {
		return func(p *parser, n *yaml.Node, _ string, _ map[string]any) {
			values := map[string]any{}
			s := shape{}
			for _, one := range all {
				s[one.key] = text(one.key)
			}
			p.object(n, section, values, s)
			if strategy, ok := values["reboot_strategy"].(string); ok && !slices.Contains(strategies, strategy) {
				p.fail(n, "it is one of "+strings.Join(strategies, ", "), "reboot_strategy %q does not exist", strategy)
			}
			for _, one := range all {
				if v, ok := values[one.key].(string); ok {
					conf = append(conf, fmt.Sprintf("%s=%q", one.name, v))
				}
			}
			p.lines[section] = n.Line
		}
	}
	filesystems := map[string]string{"root": ""} // where each is mounted, by name
	placed := func(more shape) shape {
		return node.with(shape{"filesystem": text("filesystem"), "mode": whole("mode")}).with(more)
	}
	p.object(root, "", out, shape{
		"ignition": within("ignition", shape{
			"config": within("config", shape{"append": resources("merge"), "replace": resource("replace")}), "timeouts": timeouts, "security": security,
		}),
		"storage": within("storage", shape{
			"disks": each("disks", shape{"device": text("device"), "wipe_table": flag("wipeTable"), "partitions": each("partitions", shape{
				"label": text("label"), "number": whole("number"), "size": mebibytes("sizeMiB"), "start": mebibytes("startMiB"), "type_guid": text("typeGuid"),
			}, nil)}, nil),
			"raid": raid,
			"filesystems": each("filesystems", shape{"name": text("name"), "path": text("path"), "mount": func(p *parser, n *yaml.Node, at string, out map[string]any) {
				p.object(n, at, out, shape{
					"device": text("device"), "format": text("format"), "label": text("label"), "uuid": text("uuid"),
					"wipe_filesystem": flag("wipeFilesystem"), "options": texts("options"),
				})
			}}, func(_ *parser, _ *yaml.Node, _ string, fs map[string]any) {
				name, _ := fs["name"].(string)
				where, _ := fs["path"].(string)
				delete(fs, "name")
				filesystems[name] = where
			}),
			"files": each("files", placed(shape{"contents": contents("contents"), "append": flag("append")}), func(_ *parser, _ *yaml.Node, _ string, file map[string]any) {
				if file["append"] == true {
					file["append"] = []any{file["contents"]}
					delete(file, "contents")
					return
				}
				delete(file, "append")
				if _, given := file["overwrite"]; !given {
					file["overwrite"] = true // which is what Ignition 2 does
				}
			}),
			"directories": each("directories", placed(nil), nil),
			"links":       each("links", placed(shape{"target": text("target"), "hard": flag("hard")}), nil),
		}),
		"systemd": systemd, "passwd": passwd, "networkd": within("networkd", shape{"units": each("units", unit, nil)}),
		"update": lines("update", updateSettings), "locksmith": lines("locksmith", locksmithSettings),
		"etcd":    refuse("write the drop-in of etcd-member.service"),
		"flannel": refuse("write the drop-in of flanneld.service"),
		"docker":  refuse("write the drop-in of docker.service"),
	})
	p.place(root, out, filesystems)
	p.networkd(out)
	if len(conf) > 0 {
		at := addTo(out, plainFile(updateConf, strings.Join(conf, "\n")+"\n"), "storage", "files")
		p.lines[at] = max(p.lines["update"], p.lines["locksmith"])
	}
	p.existing(out)
}

// place moves what lies on a named filesystem below the place where that is
// mounted: Ignition 3 has no names of filesystems.
func (p *parser) place(root *yaml.Node, out map[string]any, filesystems map[string]string) {
	for _, kind := range []string{"files", "directories", "links"} {
		all, _ := section(out, "storage")[kind].([]any)
		for i, one := range all {
			item := one.(map[string]any)
			name, given := item["filesystem"].(string)
			delete(item, "filesystem")
			if !given {
				continue
			}
			at := &yaml.Node{Line: p.lineAt([]any{"storage", kind, i, "filesystem"})}
			where, known := filesystems[name]
			switch {
			case !known:
				hint := "the filesystems are " + strings.Join(keys(filesystems), ", ")
				if near := nearest.To(name, slices.Values(keys(filesystems))); near != "" {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
				p.fail(at, hint, "there is no filesystem %q", name)
			case name != "root" && where == "":
				p.fail(at, "give it a path below storage.filesystems", "filesystem %q has no path", name)
			default:
				file, _ := item["path"].(string)
				item["path"] = path.Join(where, file)
				if file == "" {
					item["path"] = ""
				}
			}
		}
	}
	if len(section(out, "storage")) == 0 {
		delete(out, "storage")
	}
}

// existing leaves out the filesystems that are only named: they are there
// already and nothing is made.
func (p *parser) existing(out map[string]any) {
	storage, ok := out["storage"].(map[string]any)
	if !ok {
		return
	}
	all, _ := storage["filesystems"].([]any)
	all = slices.DeleteFunc(all, func(fs any) bool { return fs.(map[string]any)["device"] == nil })
	if storage["filesystems"] = all; len(all) == 0 {
		delete(storage, "filesystems")
	}
	if len(storage) == 0 {
		delete(out, "storage")
	}
}

// networkd turns units of the network into files, because Ignition 3 has no
// section for them.
func (p *parser) networkd(out map[string]any) {
	all, _ := section(out, "networkd")["units"].([]any)
	delete(out, "networkd")
	for i, one := range all {
		u := one.(map[string]any)
		name, _ := u["name"].(string)
		line := p.lineAt([]any{"networkd", "units", i})
		if text, ok := u["contents"].(string); ok {
			p.lines[addTo(out, plainFile("/etc/systemd/network/"+name, text), "storage", "files")] = line
		}
		dropins, _ := u["dropins"].([]any)
		for _, d := range dropins {
			d := d.(map[string]any)
			text, _ := d["contents"].(string)
			p.lines[addTo(out, plainFile(fmt.Sprintf("/etc/systemd/network/%s.d/%v", name, d["name"]), text), "storage", "files")] = line
		}
	}
}

// plainFile is a file that everybody may read.
func plainFile(name, text string) map[string]any {
	return map[string]any{"path": name, "mode": 0o644, "overwrite": true, "contents": map[string]any{"source": dataURL([]byte(text))}}
}

var size = regexp.MustCompile(`^([0-9]+)(MiB|GiB|TiB)$`)

// mebibytes reads a size with its unit.
func mebibytes(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		m := size.FindStringSubmatch(n.Value)
		if n.Kind != yaml.ScalarNode || m == nil {
			p.fail(n, "for example 512MiB or 10GiB", "a size is expected")
			return
		}
		v, err := strconv.Atoi(m[1])
		if err != nil || v > 1<<30 {
			p.fail(n, "", "the size is too large")
			return
		}
		p.lines[path.Join(at, to)] = n.Line
		out[to] = v << map[string]int{"MiB": 0, "GiB": 10, "TiB": 20}[m[2]]
	}
}
