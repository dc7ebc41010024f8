package ignition

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sections that both languages write alike.
var (
	owner = shape{"id": whole("id"), "name": text("name")}

	// node is what files, directories and links have in common.
	node = shape{"path": text("path"), "user": within("user", owner), "group": within("group", owner), "overwrite": flag("overwrite")}

	users = each("users", shape{
		"name": text("name"), "password_hash": text("passwordHash"), "ssh_authorized_keys": texts("sshAuthorizedKeys"), "uid": whole("uid"),
		"gecos": text("gecos"), "home_dir": text("homeDir"), "no_create_home": flag("noCreateHome"), "primary_group": text("primaryGroup"),
		"groups": texts("groups"), "no_user_group": flag("noUserGroup"), "no_log_init": flag("noLogInit"), "shell": text("shell"),
		"should_exist": flag("shouldExist"), "system": flag("system"),
	}, nil)

	groups = each("groups", shape{
		"name": text("name"), "gid": whole("gid"), "password_hash": text("passwordHash"), "should_exist": flag("shouldExist"), "system": flag("system"),
	}, nil)

	passwd = within("passwd", shape{"users": users, "groups": groups})

	raid = each("raid", shape{
		"name": text("name"), "level": text("level"), "devices": texts("devices"), "spares": whole("spares"), "options": texts("options"),
	}, nil)

	dropins = each("dropins", shape{"name": text("name"), "contents": text("contents"), "contents_local": contentsLocal}, nil)

	// unit is a systemd unit; enable is how older texts write enabled.
	unit = shape{
		"name": text("name"), "contents": text("contents"), "contents_local": contentsLocal, "enabled": flag("enabled"), "enable": flag("enabled"),
		"mask": flag("mask"), "dropins": dropins,
	}

	systemd = within("systemd", shape{"units": each("units", unit, nil)})

	timeouts = within("timeouts", shape{"http_response_headers": whole("httpResponseHeaders"), "http_total": whole("httpTotal")})

	security = within("security", shape{"tls": within("tls", shape{"certificate_authorities": resources("certificateAuthorities")})})
)

// resources reads a list of resources.
func resources(to string) read {
	return each(to, shape{
		"inline": inline, "local": local, "source": text("source"), "url": text("source"), "compression": text("compression"),
		"http_headers": headers, "verification": verification,
	}, nil)
}

// resource reads one resource under a name.
func resource(to string) read {
	return within(to, shape{
		"inline": inline, "local": local, "source": text("source"), "url": text("source"), "compression": text("compression"),
		"http_headers": headers, "verification": verification,
	})
}

// contentsLocal reads the contents of a unit from a file.
func contentsLocal(p *parser, n *yaml.Node, at string, out map[string]any) {
	if b, ok := p.localFile(n); ok {
		p.lines[path.Join(at, "contents")] = n.Line
		out["contents"] = string(b)
	}
}

// mountUnit is the systemd unit that mounts a filesystem.
func mountUnit(fs map[string]any) map[string]any {
	where, _ := fs["path"].(string)
	device, _ := fs["device"].(string)
	format, _ := fs["format"].(string)
	check := strings.ReplaceAll(escapePath(device), "%", "%%")
	lines := []string{"# Made from with_mount_unit", "[Unit]", "Requires=systemd-fsck@" + check + ".service", "After=systemd-fsck@" + check + ".service", "",
		"[Mount]", "Where=" + where, "What=" + device, "Type=" + format}
	if options, _ := fs["mountOptions"].([]any); len(options) > 0 {
		var all []string
		for _, o := range options {
			all = append(all, o.(string))
		}
		lines = append(lines, "Options="+strings.Join(all, ","))
	}
	lines = append(lines, "", "[Install]", "RequiredBy=local-fs.target", "")
	return map[string]any{"name": escapePath(where) + ".mount", "enabled": true, "contents": strings.Join(lines, "\n")}
}

// escapePath is how systemd writes a path in the name of a unit.
func escapePath(p string) string {
	p = strings.Trim(path.Clean(p), "/")
	if p == "" {
		return "-"
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := range len(p) {
		switch c := p[i]; {
		case c == '/':
			b.WriteByte('-')
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ':', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			b.WriteString(`\x` + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}
