package render

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// FilesInput is what Files makes of an Input.
type FilesInput struct {
	Input
	// Version is the version of the sources, which version.txt names.
	Version string
	// Reveal keeps secrets in the files; else *** stands in their place, and
	// what cannot be masked is left out.
	Reveal bool
	// Components and Only choose parts of the rendering; both empty means all.
	// Only holds parts ("node-pools", "cluster", ...), manifests/COMPONENT or
	// node-pools/POOL.
	Components, Only []string
}

// Files renders everything that would be sent to a cluster and to its cloud,
// as files sorted by path. Clusters on AWS need look-ups. The error is
// CodeInvalid and holds the errors of all files, see Errors; CodeUnavailable
// when ctx ended.
func Files(ctx context.Context, in FilesInput) ([]File, error) {
	wanted, err := newSelection(in.Only, in.Components)
	if err != nil {
		return nil, err
	}
	r := newRenderer(ctx, in.Input)
	r.masks = !in.Reveal
	r.out = &output{files: map[string][]byte{}, manifests: map[string][]document{}, items: map[string]map[string]string{}, wanted: wanted}
	if isAWS(in.Cluster.Provider) && in.Lookups == nil {
		r.errs.add(r.answers.missing("rendering cluster " + in.Cluster.ID))
	}
	var all []File
	if r.prepare() {
		r.out.putText("version.txt", in.Cluster.Version(in.Version)+"\n")
		r.files()
		all = r.out.finish(r)
	}
	if len(r.errs) > 0 {
		return nil, r.errs.join("render cluster %s at revision %s", in.Cluster.ID, in.Revision)
	}
	return all, nil
}

// files renders in the order of contract 4.2, because values appear on the way.
func (r *renderer) files() {
	wanted := r.out.wanted
	r.out.items["config-items/cluster.after-defaults.json"] = r.items.afterDefaults
	r.out.items["config-items/cluster.final.json"] = r.items.final
	for name, items := range r.items.pools {
		r.out.items["config-items/pool."+name+".json"] = items
	}
	values := r.start
	if wanted.part("deletions") {
		r.deletions(values)
		if r.in.Engine != Engine2024 {
			r.stackDeletions(values)
		}
	}
	aws := isAWS(r.in.Cluster.Provider)
	if r.managesEtcd() {
		r.errs.add(r.etcd(values))
	}
	if aws && wanted.part("cluster") {
		r.errs.add(r.mainStack(values))
	}
	outputs := r.outputs(values)
	r.afterMainStack()
	if aws && wanted.part("cf-manifests") && r.in.Engine != Engine2024 {
		r.customStacks(values)
	}
	if wanted.part("manifests") {
		r.componentFiles(values)
	}
	if wanted.part("node-pools") {
		r.poolFiles(values, outputs)
	}
}

// perSource puts the rendered text of a file that every source may have: under
// its own name when one source has it, else in a folder of that name.
func (r *renderer) perSource(name string, texts map[string]string) {
	for source, text := range texts {
		if len(texts) == 1 {
			r.out.putText(name+".yaml", text)
		} else {
			r.out.putText(name+"/"+source+".yaml", text)
		}
	}
}

// optional renders a file if the source has it.
func (r *renderer) optional(src Source, name string, values map[string]any) (text string, found bool, err error) {
	source, found, err := readOptional(src, name)
	if err != nil || !found {
		return "", false, err
	}
	text, err = r.engine.render(job{file: src.file(name), text: source, data: data{Cluster: r.cluster, Values: values}})
	return text, err == nil, err
}

// required renders a file that must be there.
func (r *renderer) required(src Source, name string, pool *poolView, values map[string]any) (string, error) {
	source, found, err := readOptional(src, name)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fairway.Errorf(fairway.CodeInvalid, "%s: file not found", src.file(name)).
			WithHint("stacks, etcd and node pools come from the first config source, which is %s", src.Name)
	}
	return r.engine.render(job{file: src.file(name), text: source, data: data{Cluster: r.cluster, Values: values, NodePool: pool}})
}

// stackDeletions renders and checks the deletions of stacks.
func (r *renderer) stackDeletions(values map[string]any) {
	texts := map[string]string{}
	for _, src := range r.in.Sources {
		text, found, err := r.optional(src, stackDeletions, values)
		if err != nil || !found {
			r.errs.add(err)
			continue
		}
		var lists map[string][]struct {
			StackName string `yaml:"stackName"`
		}
		if err := yaml.Unmarshal([]byte(text), &lists); err != nil {
			r.errs.add(yamlError(src.file(stackDeletions), err).WithHint("pre_apply and post_apply are lists of {stackName: NAME}"))
			continue
		}
		texts[src.Name] = text
	}
	r.perSource("cf-deletions", texts)
}

// etcd renders files and stack of etcd; some of its values stay for what
// follows.
func (r *renderer) etcd(values map[string]any) error {
	src, wanted := r.in.Sources[0], r.out.wanted.part("etcd")
	if err := r.etcdValues(values); err != nil {
		return err
	}
	arn := values["etcd_kms_key_arn"].(string)
	template := etcdStack
	if exists(src, oldEtcdStack) && !exists(src, etcdStack) {
		template = oldEtcdStack
	}
	if template == etcdStack {
		text, err := r.required(src, etcdFiles, nil, values)
		if err != nil {
			return err
		}
		file, content, err := r.archiveFile(src.file(etcdFiles), text, "etcd", arn)
		if err != nil {
			return err
		}
		values["S3GeneratedFilesPath"] = "s3://" + r.bucket() + "/" + file
		if wanted {
			r.out.putText("etcd/files.yaml", text)
			r.out.put("s3/"+file+".tar.gz", content)
		}
	}
	if !wanted {
		return nil
	}
	text, err := r.required(src, template, nil, values)
	if err != nil {
		return err
	}
	r.out.putText("etcd/stack.yaml", text)
	name := r.cluster.ConfigItems["etcd_stack_name"]
	if name == "" {
		name = "etcd-cluster-etcd"
	}
	return r.stack(stackSpec{name: name, file: src.file(template), text: text, policy: etcdPolicy,
		tags: map[string]string{"application": "kubernetes", "component": "etcd-cluster"}})
}

// managesEtcd reports whether the etcd stack belongs to the cluster.
func (r *renderer) managesEtcd() bool {
	return r.in.ManageEtcdStack && r.in.Lookups != nil && r.in.Cluster.Provider == fairway.ProviderAWS
}

// etcdValues sets the values that are there because of the etcd stack.
func (r *renderer) etcdValues(values map[string]any) error {
	arn, err := r.in.Lookups.KeyARN(r.engine.ctx, "alias/etcd-cluster")
	if err != nil {
		return err
	}
	values["etcd_kms_key_arn"] = arn
	if r.in.Engine != Engine2024 {
		types, err := r.answers.types()
		if err != nil {
			return err
		}
		info, err := types.info(r.cluster.ConfigItems["etcd_instance_type"])
		if err != nil {
			return fairway.Errorf(codeOf(err), "config item etcd_instance_type: %w", err).WithHint("%s", fairway.ErrorHint(err))
		}
		values["etcd_instance_type_info"] = info
	}
	return nil
}

func exists(src Source, name string) bool {
	_, err := fs.Stat(src.FS, name)
	return err == nil
}

// mainStack renders the stack of the cluster.
func (r *renderer) mainStack(values map[string]any) error {
	src := r.in.Sources[0]
	shared, err := r.sharedPools(values)
	if err != nil {
		return err
	}
	text, err := r.required(src, clusterStack, nil, shared)
	if err != nil {
		return err
	}
	r.out.putText("cluster.yaml", text)
	return r.stack(stackSpec{name: r.in.Cluster.LocalID, file: src.file(clusterStack), text: text, object: r.in.Cluster.ID + ".template", tags: map[string]string{
		"kubernetes.io/cluster/" + r.in.Cluster.ID:            "owned",
		"cluster-lifecycle-controller.zalando.org/main-stack": "true",
	}})
}

// customStacks renders the stacks that the configuration adds.
func (r *renderer) customStacks(values map[string]any) {
	for _, src := range r.in.Sources {
		if !exists(src, stacksDir) {
			continue
		}
		names, err := yamlFiles(src, stacksDir)
		r.errs.add(err)
		for _, name := range names {
			if name != path.Base(stackDeletions) {
				r.errs.add(r.customStack(src, path.Join(stacksDir, name), values))
			}
		}
	}
}

func (r *renderer) customStack(src Source, name string, values map[string]any) error {
	source, _, err := readOptional(src, name)
	if err != nil {
		return err
	}
	file := src.file(name)
	text, err := r.engine.render(job{file: file, text: source, data: data{Cluster: r.cluster, Values: values}, noInstances: true})
	if err != nil {
		return err
	}
	docs, err := documents(file, text)
	if err != nil || len(docs) == 0 {
		return err
	}
	template, err := r.parseStack(file, text)
	if err != nil {
		return err
	}
	stack := template.Metadata.StackName
	if stack == "" || strings.ContainsAny(stack, "/\x00") {
		return fairway.Errorf(fairway.CodeInvalid, "%s: Metadata.StackName is %q, which names no stack", file, stack).WithHint("the template has to name its stack below Metadata")
	}
	sum := sha256.Sum256([]byte(file))
	r.out.putText("cf-manifests/"+stack+".yaml", text)
	return r.stack(stackSpec{name: stack, file: file, text: text, object: hex.EncodeToString(sum[:]) + ".template", tags: map[string]string{r.ownerTag(): "owned"}})
}

// componentFiles renders all manifests of all sources into files.
func (r *renderer) componentFiles(values map[string]any) {
	found := map[string]bool{}
	for _, src := range r.in.Sources {
		all, err := folders(src)
		r.errs.add(err)
		for _, f := range all {
			name := r.componentName(f)
			if found[name] = true; r.out.wanted.one("manifests", name) || r.out.wanted.one("manifests", f.name) {
				found[f.name] = true
				r.componentFile(f, name, values)
			}
		}
	}
	for _, name := range r.out.wanted.named("manifests", r.out.wanted.components) {
		if !found[name] {
			r.errs.add(fairway.Errorf(fairway.CodeInvalid, "there is no component %q", name).
				WithHint("%s", suggest(name, maps.Keys(found), "the components are the folders below "+manifestsDir)))
		}
	}
}

func (r *renderer) componentFile(f folder, name string, values map[string]any) {
	c := &componentRender{r: r, folder: f, values: values, texts: map[string]string{}}
	var docs []document
	for _, file := range f.files {
		text, err := c.render(file)
		if err != nil {
			r.errs.add(err)
			continue
		}
		r.out.putText(path.Join("manifests-rendered", name, file), text)
		found, err := r.documents(c.file(file), text)
		r.errs.add(err)
		docs = append(docs, found...)
	}
	if len(docs) > 0 {
		r.out.manifests["manifests/"+name+".yaml"] = docs
	}
}

// documents reads and checks the documents of a rendered manifest, which may be
// there already. They are shared then.
func (r *renderer) documents(file, text string) ([]document, error) {
	key := func() cacheKey { return keyOf(keyDocuments, fmt.Sprintf("%s:%t", r.in.Engine, r.masks), text) }
	bytes := func(docs []document) int {
		n := 0
		for _, doc := range docs {
			n += 64 + size(doc.value) + len(doc.text)
		}
		return n
	}
	return remembered(r.in.Cache, key, bytes, func() ([]document, error) { return r.readDocuments(file, text) })
}

func (r *renderer) readDocuments(file, text string) ([]document, error) {
	values, err := documents(file, text)
	if err != nil {
		return nil, err
	}
	var docs []document
	var errs Errors
	for i, value := range values {
		doc := document{value: value}
		if r.in.Engine != Engine2024 {
			err = isManifest(value)
		}
		if err == nil && !r.masks {
			doc.text, err = r.pass(value)
		}
		if err != nil {
			errs.add(fairway.Errorf(fairway.CodeInvalid, "%s: document %d: %w", file, i+1, err))
		}
		docs = append(docs, doc)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return docs, nil
}
