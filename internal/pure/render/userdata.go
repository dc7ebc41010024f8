package render

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/ignition"
)

// poolSource says which files a node pool is made from; "" for one that it
// does not have.
type poolSource struct {
	userData, files, stack string
	// convert says that the user data is converted to Ignition.
	convert bool
}

// userDataNames are the names of user data in the folder of a profile.
var userDataNames = []string{userDataFile, "userdata.clc.yaml", "userdata.bu.yaml"}

// converted are the endings of files that become Ignition.
var converted = []string{".clc.yaml", ".bu.yaml"}

func isConverted(name string) bool {
	return slices.ContainsFunc(converted, func(end string) bool { return strings.HasSuffix(name, end) })
}

// source finds the files of a pool, which come from the first source only
// (contract 2.2). A profile without a folder takes the user data whose name
// its own begins with, the longest such, and is part of the cluster stack.
func (r *renderer) source(pool *poolView) (poolSource, error) {
	src := r.in.Sources[0]
	dir := path.Join(poolsDir, pool.Profile)
	if pool.Profile == "" || strings.Contains(pool.Profile, "/") || !validPath(dir) {
		return poolSource{}, fairway.Errorf(fairway.CodeInvalid, "node pool %s: profile %q is not the name of a folder", pool.Name, pool.Profile)
	}
	if !exists(src, dir) {
		if name := prefixFile(src, pool.Profile); name != "" {
			return poolSource{userData: name, convert: true}, nil
		}
	}
	s := poolSource{userData: path.Join(dir, userDataFile), files: path.Join(dir, filesFile), stack: path.Join(dir, stackFile)}
	for _, name := range userDataNames {
		if name = path.Join(dir, name); exists(src, name) {
			s.userData, s.convert = name, isConverted(name)
			break
		}
	}
	if pool.IsKarpenter() {
		s.stack = path.Join(dir, provisionerFile)
	}
	if s.convert {
		for _, optional := range []*string{&s.files, &s.stack} {
			if !exists(src, *optional) {
				*optional = ""
			}
		}
	}
	if !exists(src, s.userData) {
		return poolSource{}, fairway.Errorf(fairway.CodeInvalid, "%s: file not found; node pool %s has profile %q and needs it", src.file(s.userData), pool.Name, pool.Profile).
			WithHint("%s", profileHint(src, pool.Profile))
	}
	return s, nil
}

// prefixFile is the file cluster/<prefix>.clc.yaml or .bu.yaml with the longest
// prefix of a profile.
func prefixFile(src Source, profile string) string {
	entries, _ := fs.ReadDir(src.FS, "cluster")
	best, length := "", -1
	for _, e := range entries {
		for _, end := range converted {
			prefix, ok := strings.CutSuffix(e.Name(), end)
			if ok && strings.HasPrefix(profile, prefix) && len(prefix) > length {
				best, length = path.Join("cluster", e.Name()), len(prefix)
			}
		}
	}
	return best
}

// userData renders the user data of a pool, converted where it has to be; text
// is the rendered text before that.
func (r *renderer) userData(s poolSource, pool *poolView, values map[string]any) (text, data string, err error) {
	if text, err = r.required(r.in.Sources[0], s.userData, pool, values); err != nil {
		return "", "", fmt.Errorf("node pool %s: %w", pool.Name, err)
	}
	if !s.convert {
		return text, text, nil
	}
	src := r.in.Sources[0]
	data, err = ignition.Convert(ignition.Source{File: src.file(s.userData), Text: text, Local: func(name string) ([]byte, error) {
		return fs.ReadFile(src.FS, path.Join(path.Dir(s.userData), name))
	}})
	if err != nil {
		return "", "", wrapAll("node pool "+pool.Name, err)
	}
	r.engine.secrets.encoded(data)
	return text, data, nil
}

// pools renders the user data of every pool.
func (r *renderer) pools(values map[string]any, outputs map[string]string) []fairway.PoolSpec {
	var specs []fairway.PoolSpec
	for i, pool := range r.cluster.NodePools {
		spec := fairway.PoolSpec{Pool: r.in.Cluster.NodePools[i], Image: pool.ConfigItems["node_image"], Labels: nodeLabels(pool), Taints: nodeTaints(pool)}
		spec.Pool.ConfigItems = maps.Clone(pool.ConfigItems)
		s, own, err := r.beforeUserData(pool, values, outputs)
		if err == nil {
			_, spec.UserData, err = r.userData(s, pool, own)
		}
		if err != nil {
			r.errs.add(err)
			continue
		}
		specs = append(specs, spec)
	}
	return specs
}

// poolFiles renders everything of every pool.
func (r *renderer) poolFiles(values map[string]any, outputs map[string]string) {
	for _, name := range r.out.wanted.named("node-pools", nil) {
		_, err := r.evalPool(name)
		r.errs.add(err)
	}
	enabled := r.cluster.ConfigItems["karpenter_pools_enabled"] == "true"
	for _, pool := range r.cluster.NodePools {
		switch {
		case !r.out.wanted.one("node-pools", pool.Name),
			r.in.Engine == Engine2024 && pool.IsKarpenter() && !enabled,
			// The control plane of EKS has no machines of ours.
			r.in.Cluster.Provider == fairway.ProviderEKS && pool.IsMaster():
			continue
		}
		if err := r.poolFile(pool, values, outputs); err != nil {
			r.errs.add(wrapAll("failed to provision node pool "+pool.Name, err))
		}
	}
}

// wrapAll puts words before an error, or before each part of a joined one.
func wrapAll(words string, err error) error {
	var all Errors
	all.add(err)
	for i, one := range all {
		all[i] = fairway.Errorf(one.Code, "%s: %w", words, one).WithHint("%s", one.Hint)
	}
	return all
}

// poolFile renders in the order of contract 3.10.
func (r *renderer) poolFile(pool *poolView, values map[string]any, outputs map[string]string) error {
	src, dir := r.in.Sources[0], "node-pools/"+pool.Name+"/"
	s, own, err := r.beforeUserData(pool, values, outputs)
	if err != nil {
		return err
	}
	text, converted, err := r.userData(s, pool, own)
	if err != nil {
		return err
	}
	r.out.putText(dir+"userdata.yaml", text)
	if s.convert {
		r.out.putText(dir+"userdata.ign", converted)
	}
	if !isAWS(r.in.Cluster.Provider) || s.stack == "" {
		return nil
	}
	if own["UserData"], err = r.handedOn(pool, s, converted); err != nil {
		return err
	}
	if !pool.IsKarpenter() {
		r.out.putText(dir+"userdata.gz.b64", own["UserData"].(string))
	}
	stack, err := r.required(src, s.stack, pool, own)
	if err != nil {
		return err
	}
	r.out.putText(dir+path.Base(s.stack), stack)
	if pool.IsKarpenter() {
		return nil
	}
	return r.stack(stackSpec{
		name: "nodepool-" + pool.Name + "-" + strings.ReplaceAll(r.in.Cluster.ID, ":", "-"), file: src.file(s.stack), text: stack,
		tags: map[string]string{
			r.ownerTag(): "owned", "kubernetes.io/role/node-pool": "true", "kubernetes.io/node-pool": pool.Name, "NodePool": pool.Name,
			"kubernetes.io/node-pool/profile": pool.Profile,
		},
	})
}

// beforeUserData finds the files of a pool and the values of its templates,
// with the place of its uploaded files.
func (r *renderer) beforeUserData(pool *poolView, values map[string]any, outputs map[string]string) (poolSource, map[string]any, error) {
	s, err := r.source(pool)
	if err != nil {
		return s, nil, err
	}
	own, err := r.poolValues(pool, values)
	if err != nil || r.in.Lookups == nil || !isAWS(r.in.Cluster.Provider) || s.files == "" {
		return s, own, err
	}
	own["S3GeneratedFilesPath"], err = r.filesOfPool(pool, s, own, outputs)
	return s, own, err
}

// handedOn is the user data as the template of the pool gets it: compressed
// for launch templates, as it is for Karpenter. Ignition reads no compressed
// user data.
func (r *renderer) handedOn(pool *poolView, s poolSource, text string) (string, error) {
	if pool.IsKarpenter() {
		return text, nil
	}
	encoded, err := base64.StdEncoding.EncodeToString([]byte(text)), error(nil)
	if !s.convert {
		encoded, err = Compress(text)
	}
	if r.masks && r.engine.secrets.in(text) {
		r.engine.secrets.add(encoded)
	}
	return encoded, err
}

// filesOfPool renders and uploads the files of a pool.
func (r *renderer) filesOfPool(pool *poolView, s poolSource, values map[string]any, outputs map[string]string) (string, error) {
	output, kind := "WorkerFilesEncryptionKey", "worker"
	if pool.IsMaster() {
		output, kind = "MasterFilesEncryptionKey", "master"
	}
	key, ok := outputs[output]
	if !ok {
		return "", fairway.Errorf(fairway.CodeInvalid, "failed to find the encryption key: %s", output).
			WithHint("the main stack has to export it; in look-ups it is one of stack_outputs")
	}
	text, err := r.required(r.in.Sources[0], s.files, pool, values)
	if err != nil {
		return "", err
	}
	object, content, err := r.archiveFile(r.in.Sources[0].file(s.files), text, kind, key)
	if err != nil {
		return "", err
	}
	r.out.putText("node-pools/"+pool.Name+"/files.yaml", text)
	r.out.put("s3/"+object+".tar.gz", content)
	return "s3://" + r.bucket() + "/" + object, nil
}

// sharedPools returns the values of the cluster stack: beside the usual ones
// the user data of the pools that have no stack of their own, by name.
func (r *renderer) sharedPools(values map[string]any) (map[string]any, error) {
	shared := map[string]string{}
	for _, pool := range r.cluster.NodePools {
		s, err := r.source(pool)
		if err != nil || s.stack != "" {
			continue // the pool itself reports errors
		}
		own, err := r.poolValues(pool, values)
		if err != nil {
			return nil, err
		}
		_, text, err := r.userData(s, pool, own)
		if err != nil {
			return nil, err
		}
		if shared[pool.Name], err = r.handedOn(pool, s, text); err != nil {
			return nil, err
		}
	}
	if len(shared) == 0 {
		return values, nil
	}
	all := maps.Clone(values)
	all["PoolUserData"] = shared
	return all, nil
}
