package sources

import (
	"context"

	"github.com/fairwayhq/fairway"
)

var _ fairway.Historian = (*Combined)(nil)

// Commits returns the commits that a revision has and from does not, of one source
// after the other. A source that from does not name had no part in it.
func (c *Combined) Commits(ctx context.Context, from, revision, file string) ([]fairway.Commit, error) {
	before := map[string]string{}
	for _, part := range fairway.SplitRevision(from) {
		before[part.Name] = part.Revision
	}
	var all []fairway.Commit
	for _, part := range fairway.SplitRevision(revision) {
		some, err := c.commitsOf(ctx, before[part.Name], part, file)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// commitsOf asks the source that a part of a revision is of: without a name, the
// first that has it.
func (c *Combined) commitsOf(ctx context.Context, from string, part fairway.SourceRevision, file string) (all []fairway.Commit, err error) {
	for i, s := range c.sources {
		past, ok := s.(fairway.Historian)
		if part.Name != "" && part.Name != c.names[i] || !ok {
			continue
		}
		if all, err = past.Commits(ctx, from, part.Revision, file); err == nil {
			return all, nil
		}
	}
	return nil, err
}
