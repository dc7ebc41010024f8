package render

import (
	"crypto/sha256"
	"encoding/hex"
	"path"

	"github.com/fairwayhq/fairway"
)

// components renders all manifests of all sources, in order.
func (r *renderer) components(values map[string]any) []fairway.Component {
	var all []fairway.Component
	for _, src := range r.in.Sources {
		found, err := folders(src)
		r.errs.add(err)
		for _, f := range found {
			name := r.componentName(f)
			if objects := r.component(f, values); len(objects) > 0 {
				all = append(all, fairway.Component{Name: name, Objects: objects})
			}
		}
	}
	return all
}

// componentName is the name of a component: with several sources it begins
// with that of its source, because equal names are not merged.
func (r *renderer) componentName(f folder) string {
	if len(r.in.Sources) > 1 {
		return f.src.Name + "/" + f.name
	}
	return f.name
}

// component renders the files of one component into objects.
func (r *renderer) component(f folder, values map[string]any) []fairway.Object {
	c := &componentRender{r: r, folder: f, values: values, texts: map[string]string{}}
	var objects []fairway.Object
	for _, name := range f.files {
		text, err := c.render(name)
		if err != nil {
			r.errs.add(err)
			continue
		}
		found, err := r.decode(c.file(name), text)
		if err != nil {
			r.errs.add(err)
			continue
		}
		objects = append(objects, found...)
	}
	return objects
}

// decode is decode, from memory where that text was decoded before.
func (r *renderer) decode(file, text string) ([]fairway.Object, error) {
	return remembered(r.in.Cache, func() cacheKey { return keyOf(keyObjects, "", text) }, sizeOf,
		func() ([]fairway.Object, error) { return decode(file, text) })
}

// componentRender renders the files of one component, which can ask for each
// other's hashes (contract 3.7).
type componentRender struct {
	r      *renderer
	folder folder
	values map[string]any
	// texts are the rendered files so far; hashing is true while a
	// manifestHash is being computed.
	texts   map[string]string
	hashing bool
}

func (c *componentRender) dir() string { return path.Join(manifestsDir, c.folder.name) }
func (c *componentRender) file(name string) string {
	return c.folder.src.file(path.Join(c.dir(), name))
}

// render renders a file, again when it was rendered only for its hash.
func (c *componentRender) render(name string) (string, error) {
	source, found, err := readOptional(c.folder.src, path.Join(c.dir(), name))
	if err != nil {
		return "", err
	}
	if !found {
		return "", errNoTemplate(name)
	}
	text, err := c.r.engine.render(job{file: c.file(name), text: source, data: data{Cluster: c.r.cluster, Values: c.values}, hash: c.hash})
	if err != nil {
		return "", err
	}
	c.texts[name] = text
	return text, nil
}

// hash is manifestHash: the SHA-256 of the rendered text of a sibling, before
// any normalisation.
func (c *componentRender) hash(name string) (string, error) {
	if c.hashing {
		return "", fairway.Errorf(fairway.CodeInvalid, "manifestHash is not reentrant").
			WithHint("a file whose hash is asked for may not ask for hashes itself, unless its name sorts before")
	}
	sibling, err := c.sibling(name)
	if err != nil {
		return "", err
	}
	text, known := c.texts[sibling]
	if !known {
		c.hashing = true
		defer func() { c.hashing = false }()
		if text, err = c.render(sibling); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}

// sibling returns the file of the component that a path relative to it names.
func (c *componentRender) sibling(name string) (string, error) {
	full := path.Join(c.dir(), name)
	for _, f := range c.folder.files {
		if full == path.Join(c.dir(), f) {
			return f, nil
		}
	}
	return "", errNoTemplate(name)
}

func errNoTemplate(name string) error {
	return fairway.Errorf(fairway.CodeInvalid, "template file not found: %s", name).
		WithHint("manifestHash reaches the .yaml and .yml files of the same component")
}
