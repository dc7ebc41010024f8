package sources

import (
	"context"
	"slices"

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
		source := c.sources[0]
		if i := slices.Index(c.names, part.Name); i >= 0 {
			source = c.sources[i]
		}
		past, ok := source.(fairway.Historian)
		if !ok {
			continue
		}
		some, err := past.Commits(ctx, before[part.Name], part.Revision, file)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
