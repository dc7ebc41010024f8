package ignition

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// variants are the Butane variants whose result is plain Ignition.
var variants = []string{"fcos", "flatcar"}

// butane reads a Butane config.
func (p *parser) butane(root *yaml.Node, out map[string]any) {
	header := map[string]any{}
	var mounts []map[string]any
	file := node.with(shape{"mode": whole("mode"), "contents": contents("contents"), "append": resources("append")})
	p.object(root, "", out, shape{
		"variant": func(p *parser, n *yaml.Node, _ string, _ map[string]any) {
			if header["variant"] = n.Value; !slices.Contains(variants, n.Value) {
				p.fail(n, "write one of "+strings.Join(variants, ", "), "variant %q is not converted", n.Value)
			}
		},
		"version": func(p *parser, n *yaml.Node, _ string, _ map[string]any) {
			if header["version"] = n.Value; !strings.HasPrefix(n.Value, "1.") || strings.Count(n.Value, ".") != 2 || strings.Contains(n.Value, "-") {
				p.fail(n, "write a version such as 1.5.0", "version %q is not converted", n.Value)
			}
		},
		"ignition": within("ignition", shape{
			"config": within("config", shape{"merge": resources("merge"), "replace": resource("replace")}), "timeouts": timeouts, "security": security,
			"proxy": within("proxy", shape{"http_proxy": text("httpProxy"), "https_proxy": text("httpsProxy"), "no_proxy": texts("noProxy")}),
		}),
		"storage": within("storage", shape{
			"disks": each("disks", shape{"device": text("device"), "wipe_table": flag("wipeTable"), "partitions": each("partitions", shape{
				"label": text("label"), "number": whole("number"), "size_mib": whole("sizeMiB"), "start_mib": whole("startMiB"), "type_guid": text("typeGuid"),
				"guid": text("guid"), "wipe_partition_entry": flag("wipePartitionEntry"), "should_exist": flag("shouldExist"), "resize": flag("resize"),
			}, nil)}, nil),
			"raid": raid,
			"filesystems": each("filesystems", shape{
				"device": text("device"), "format": text("format"), "label": text("label"), "uuid": text("uuid"), "path": text("path"),
				"wipe_filesystem": flag("wipeFilesystem"), "options": texts("options"), "mount_options": texts("mountOptions"), "with_mount_unit": flag("mount"),
			}, func(p *parser, n *yaml.Node, _ string, fs map[string]any) {
				if fs["mount"] == true {
					if where, _ := fs["path"].(string); !strings.HasPrefix(where, "/") {
						p.fail(n, "", "with_mount_unit needs a path")
					}
					mounts = append(mounts, mountUnit(fs))
				}
				delete(fs, "mount")
			}),
			"files":       each("files", file, nil),
			"directories": each("directories", node.with(shape{"mode": whole("mode")}), nil),
			"links":       each("links", node.with(shape{"target": text("target"), "hard": flag("hard")}), nil),
			"luks":        refuse("write the unit that opens the device"),
			"trees":       refuse("name the files one by one"),
		}),
		"systemd": systemd, "passwd": passwd,
		"kernel_arguments": within("kernelArguments", shape{"should_exist": texts("shouldExist"), "should_not_exist": texts("shouldNotExist")}),
	})
	for _, need := range []string{"variant", "version"} {
		if header[need] == nil {
			p.fail(root, "begin the file with variant: flatcar and version: 1.1.0", "%s is missing", need)
		}
	}
	for _, unit := range mounts {
		addTo(out, unit, "systemd", "units")
	}
	p.lines[path.Join("systemd", "units")] = root.Line
}
