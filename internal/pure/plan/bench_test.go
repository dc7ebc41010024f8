package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// BenchmarkBuild plans a cluster of 340 objects, of which one changes.
func BenchmarkBuild(b *testing.B) {
	fields := map[string]any{}
	data := map[string]any{}
	for i := range 40 {
		data[fmt.Sprintf("k%d", i)] = "some value of a usual length"
		fields[fmt.Sprintf("f:k%d", i)] = map[string]any{}
	}
	in := Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: &fairway.Bundle{Components: []fairway.Component{{Name: "all"}}}, Now: time.Unix(0, 0),
		Observed: Observed{Basis: BasisLive, Version: "v1.36.3", Live: map[Key]fairway.Object{}}}
	for i := range 340 {
		name := fmt.Sprintf("object-%d", i)
		live := fairway.Object{"apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": map[string]any{"name": name,
			"managedFields": []any{map[string]any{"manager": "fairway", "operation": "Apply", "fieldsV1": map[string]any{"f:data": fields}}}}}
		wanted := fairway.Object{"apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": map[string]any{"name": name}}
		if i == 0 {
			wanted["data"] = map[string]any{"k0": "new"}
		}
		in.Observed.Live[KeyOf(live.Ref())] = live
		in.Bundle.Components[0].Objects = append(in.Bundle.Components[0].Objects, wanted)
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := Build(in); p.Summary.Change != 1 || p.Summary.Unchanged != 339 {
			b.Fatalf("%+v", p.Summary)
		}
	}
}
