package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// ItemBackup is the config item that says where the time of the newest
	// backup is to be read.
	ItemBackup = "backup_source"
	// maxBackupAge is how old a backup may be before a minor upgrade.
	maxBackupAge = 24 * time.Hour
)

// BackupSource says where the time of the newest backup is to be read: from a
// field of one object, or from the completed backups of Velero.
type BackupSource struct {
	// Velero means the completed backups in Namespace, of Schedule alone
	// unless it is "".
	Velero              bool
	Namespace, Schedule string
	// Ref and Field name an object and the path of a time in it.
	Ref   fairway.ObjectRef
	Field []string
}

// Backup is the newest backup of a cluster.
type Backup struct {
	// At is when it was made; zero when there is none.
	At time.Time `json:"at"`
	// Problem says why that is not known; "" when it is.
	Problem string `json:"problem,omitempty"`
}

// ParseBackupSource reads the config item: "velero", "velero NAMESPACE", "velero
// NAMESPACE/SCHEDULE", or "APIVERSION KIND [NAMESPACE/]NAME FIELD".
func ParseBackupSource(item string) (BackupSource, error) {
	words := strings.Fields(item)
	switch {
	case len(words) > 0 && len(words) < 3 && words[0] == "velero":
		s := BackupSource{Velero: true, Namespace: "velero"}
		if len(words) == 2 {
			s.Namespace, s.Schedule, _ = strings.Cut(words[1], "/")
		}
		return s, nil
	case len(words) == 4:
		s := BackupSource{Ref: fairway.ObjectRef{APIVersion: words[0], Kind: words[1]}}
		namespace, name, namespaced := strings.Cut(words[2], "/")
		if !namespaced {
			namespace, name = "", namespace
		}
		s.Ref.Namespace, s.Ref.Name = namespace, name
		s.Field = fieldPath(words[3])
		if s.Ref.Name != "" && len(s.Field) > 0 {
			return s, nil
		}
	}
	return BackupSource{}, fairway.Errorf(fairway.CodeInvalid, "config item %s: %q cannot be read", ItemBackup, item).
		WithHint("write velero, velero NAMESPACE/SCHEDULE, or APIVERSION KIND NAMESPACE/NAME FIELD, such as batch/v1 CronJob kube-system/etcd-backup status.lastSuccessfulTime")
}

// fieldPath splits a path at its dots; a step with dots stands in [brackets].
func fieldPath(path string) []string {
	var steps []string
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			step, after, closed := strings.Cut(rest, "]")
			if !closed {
				return nil
			}
			steps, path = append(steps, strings.Trim(step, `"'`)), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(steps, path)
		}
		steps = append(steps, path[:end])
		path = strings.TrimPrefix(path[end:], ".")
	}
	return steps
}

// Newest returns the newest backup of the objects that a source names: the
// object itself, or the backups.
func (b BackupSource) Newest(objects []fairway.Object) *Backup {
	newest := &Backup{}
	for _, o := range objects {
		var when any
		if b.Velero {
			labels := mapAt(map[string]any(o), "metadata", "labels")
			if textAt(map[string]any(o), "status", "phase") != "Completed" || b.Schedule != "" && labels["velero.io/schedule-name"] != b.Schedule {
				continue
			}
			when = at(map[string]any(o), "status", "completionTimestamp")
		} else {
			when = at(map[string]any(o), b.Field...)
		}
		made, err := moment(when)
		if err != nil {
			return &Backup{Problem: fmt.Sprintf("what %s says at %s is no time", o.Ref(), strings.Join(b.Field, "."))}
		}
		if made.After(newest.At) {
			newest.At = made
		}
	}
	return newest
}

// moment reads a time (RFC 3339), or seconds since 1970; nothing is the zero time.
func moment(v any) (time.Time, error) {
	if v == nil || v == "" {
		return time.Time{}, nil
	}
	if f, ok := number(v); ok {
		return time.Unix(int64(f), 0), nil
	}
	return time.Parse(time.RFC3339, text(v))
}

// backup finds a minor upgrade without a backup of the last day, where the
// configuration says how to tell.
func backup(s subject) []Finding {
	item := s.in.Bundle.Settings[ItemBackup]
	if item == "" || !s.target.known() || !s.server.known() || s.target.minor <= s.server.minor {
		return nil
	}
	finding := func(severity Severity, reason, remedy string) []Finding {
		return []Finding{{
			Check: CheckBackup, Severity: severity, Object: "control plane",
			Reason: fmt.Sprintf("it goes from %s to %s, and %s", s.server, s.target, reason), Remedy: remedy,
		}}
	}
	const again = "make a backup, and look why there is none of the last day (" + ItemBackup + ")"
	if _, err := ParseBackupSource(item); err != nil {
		return finding(Block, err.Error(), fairway.ErrorHint(err))
	}
	b := s.in.Observed.Backup
	switch {
	case b == nil:
		return finding(Warn, "when the last backup was made is not known here", "plan against the live cluster")
	case b.Problem != "":
		return finding(Block, "when the last backup was made cannot be told: "+b.Problem, "correct the config item "+ItemBackup+", or allow the plan's user to read it")
	case b.At.IsZero():
		return finding(Block, "there is no backup", again)
	case s.in.Now.Sub(b.At) > maxBackupAge:
		return finding(Block, fmt.Sprintf("the last backup is of %s, %s old", b.At.UTC().Format(time.RFC3339), duration(int(s.in.Now.Sub(b.At).Seconds()))), again)
	}
	return nil
}
