package rollbench

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// What the fields that hold words may say.
const (
	wantPDB      = `"none", "maxUnavailable:1" or "maxUnavailable:10%"`
	wantSurge    = `a number or a percentage above zero such as "3" or "10%"`
	wantVolumes  = `"none", "10%-spread" or "10%-zone0"`
	wantGroupMax = `"N" or "N+64"`
	wantQuota    = `"none" or "N"`
	wantBadKind  = `"notready" or "nojoin"`
)

var (
	isPDB      = regexp.MustCompile(`^(none|maxUnavailable:\d{1,6}%?)$`)
	isSurge    = regexp.MustCompile(`^\d{1,6}%?$`)
	isVolumes  = regexp.MustCompile(`^(none|\d{1,3}%-(spread|zone0))$`)
	isGroupMax = regexp.MustCompile(`^N(\+\d{1,6})?$`)
	isQuota    = regexp.MustCompile(`^(none|N)$`)
)

// mostPods is how many pods a world may have, mostNodes how many nodes.
const (
	mostNodes = 20_000
	mostPods  = 400_000
)

// validate says which field has a value that makes no world.
func (s Scenario) validate(where string) error {
	bad := func(field string, value any, want string) error {
		return invalid("write it as "+want, "field %q of %s is %v, not %s", field, where, value, want)
	}
	for _, f := range []struct {
		name        string
		value       int
		least, most int
		want        string
	}{
		{"n", s.N, 1, mostNodes, "a number of nodes from 1 to 20000"},
		{"zones", s.Zones, 1, 26, "a number of zones from 1 to 26"},
		{"podsPerNode", s.PodsPerNode, 1, 1000, "a number of pods from 1 to 1000"},
		{"slotsPerNode", s.SlotsPerNode, s.PodsPerNode, 2000, "a number of pods from podsPerNode to 2000"},
		{"replicas", s.Replicas, 1, mostPods, "a number of replicas above zero"},
		{"badEvery", s.BadEvery, 0, math.MaxInt32, "a number of launches, or 0 for none"},
		{"growthNodes", s.GrowthNodes, 0, mostNodes, "a number of nodes from 0 to 20000"},
		{"blockedApps", s.BlockedApps, 0, math.MaxInt32, "a number of apps, or 0 for none"},
	} {
		if f.value < f.least || f.value > f.most {
			return bad(f.name, f.value, f.want)
		}
	}
	for _, f := range []struct {
		name  string
		value float64
		least float64
	}{
		{"bootBaseS", s.BootBaseS, 0}, {"bootSpreadS", s.BootSpreadS, 0}, {"podTermS", s.PodTermS, 0}, {"podStartS", s.PodStartS, 0},
		{"gracePeriodS", s.GracePeriodS, 0}, {"volDetachS", s.VolDetachS, 0}, {"volAttachS", s.VolAttachS, 0}, {"instanceShutdownS", s.InstanceShutdownS, 0},
		{"launchHookTimeoutS", s.LaunchHookTimeoutS, 0}, {"growthEveryS", s.GrowthEveryS, 0}, {"minReadyS", s.MinReadyS, 0}, {"capS", s.CapS, 1},
	} {
		if !(f.value >= f.least && f.value <= 1e8) {
			return bad(f.name, f.value, "a number of seconds from "+strconv.FormatFloat(f.least, 'g', -1, 64)+" to 100000000")
		}
	}
	for _, f := range []struct {
		name, value string
		ok          *regexp.Regexp
		want        string
	}{
		{"pdb", s.PDB, isPDB, wantPDB}, {"surge", s.Surge, isSurge, wantSurge}, {"volumes", s.Volumes, isVolumes, wantVolumes},
		{"groupMax", s.GroupMax, isGroupMax, wantGroupMax}, {"quota", s.Quota, isQuota, wantQuota},
	} {
		if !f.ok.MatchString(f.value) {
			return bad(f.name, strconv.Quote(f.value), f.want)
		}
	}
	number, percent := s.surge()
	apps := len(s.apps())
	switch {
	case number < 1 && percent < 1:
		return bad("surge", strconv.Quote(s.Surge), wantSurge)
	case s.BootSpreadS > s.BootBaseS:
		return bad("bootSpreadS", s.BootSpreadS, "a number of seconds up to bootBaseS")
	case s.BadEvery > 0 && s.BadKind != "notready" && s.BadKind != "nojoin":
		return bad("badKind", strconv.Quote(s.BadKind), wantBadKind+" where badEvery is above 0")
	case s.BadKind != "" && s.BadKind != "notready" && s.BadKind != "nojoin":
		return bad("badKind", strconv.Quote(s.BadKind), wantBadKind)
	case s.N*s.PodsPerNode > mostPods:
		return bad("podsPerNode", s.PodsPerNode, "a number that makes at most 400000 pods with n")
	case s.BlockedApps > apps:
		return bad("blockedApps", s.BlockedApps, "a number up to the "+strconv.Itoa(apps)+" apps that n, podsPerNode and replicas make")
	case strings.Contains(s.Volumes, "%") && s.volumePercent() > 100:
		return bad("volumes", strconv.Quote(s.Volumes), wantVolumes)
	case len(s.Seeds) == 0 || len(s.Seeds) > 10_000:
		return bad("seeds", s.Seeds, "a list of 1 to 10000 seeds such as [1, 2, 3]")
	}
	return nil
}

func (s Scenario) volumePercent() int {
	n, _ := strconv.Atoi(s.Volumes[:strings.Index(s.Volumes, "%")])
	return n
}
