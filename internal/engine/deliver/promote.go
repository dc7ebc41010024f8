package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/pure/wave"
)

// sourceSettings is what fairway.yaml of one source says at a revision.
type sourceSettings struct {
	source, revision string // the revision of the source alone
	render.Settings
}

// sourceSettings reads fairway.yaml of every source; one without the file has
// the zero settings.
func (d *Deliverer) sourceSettings(ctx context.Context, revision string) ([]sourceSettings, error) {
	files, err := d.Source.Open(ctx, revision)
	if err != nil {
		return nil, err
	}
	all := make([]sourceSettings, len(files))
	for i, f := range files {
		all[i].source, all[i].revision = f.Name, f.Revision
		text, err := fs.ReadFile(f.FS, render.SettingsFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			all[i].Settings, err = render.ParseSettings(text)
		}
		if err != nil && len(files) > 1 {
			return nil, fmt.Errorf("config source %s: %w", f.Name, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// settings are those of a revision as a whole: of the first source that has
// fairway.yaml, with the first order of channels and the longest soak of all.
func (d *Deliverer) settings(ctx context.Context, revision string) (render.Settings, error) {
	all, err := d.sourceSettings(ctx, revision)
	if err != nil {
		return render.Settings{}, err
	}
	together := all[0].Settings
	for _, s := range all[1:] {
		if len(together.Channels) == 0 {
			together.Channels = s.Channels
		}
		together.Soak = max(together.Soak, s.Soak)
	}
	return together, nil
}

// promotion is one source's step to its next channel.
type promotion struct{ source, revision, channel string }

// promotions are the steps that follow a rollout: of every source whose own
// fairway.yaml names a channel after this one. What clusters with overrides ran
// was not the channel's revision, so nothing follows from it.
func (d *Deliverer) promotions(ctx context.Context, channel, revision string) ([]promotion, error) {
	all, err := d.sourceSettings(ctx, revision)
	if err != nil {
		return nil, err
	}
	var steps []promotion
	for _, s := range all {
		if next, ok := s.Next(channel); ok {
			steps = append(steps, promotion{s.source, s.revision, next})
		}
	}
	return steps, nil
}

// promote gives the revision to the next channel, where fairway.yaml names one.
// A branch that diverged halts the rollout instead of ending it. A process that
// dies between two sources promotes both again, which changes nothing.
func (d *Deliverer) promote(ctx context.Context, r *fairway.Rollout, decision *wave.Decision) error {
	if !r.PromotedAt.IsZero() {
		return nil
	}
	steps, err := d.promotions(ctx, r.Channel, r.Revision)
	if err != nil || len(steps) == 0 {
		return err
	}
	of := func(s promotion) string {
		if len(d.Source.Sources()) > 1 {
			return " of config source " + s.source
		}
		return ""
	}
	for _, s := range steps {
		if err := d.Source.Promote(ctx, s.source, s.channel, s.revision); err != nil {
			if fairway.Retryable(err) && fairway.ErrorCode(err) != fairway.CodeConflict {
				return fmt.Errorf("promote to channel %s%s: %w", s.channel, of(s), err)
			}
			decision.State, decision.Hint = fairway.RolloutHalted, fairway.ErrorHint(err)
			// It has soaked; only the promotion is tried again.
			decision.SoakSince = r.SoakSince
			decision.Reason = fmt.Sprintf("promotion to channel %s%s: %v", s.channel, of(s), err)
			return nil
		}
	}
	r.PromotedAt = d.Now()
	for _, s := range steps {
		d.event(ctx, fairway.Event{RolloutID: r.ID, Kind: "promotion.done",
			Message: fmt.Sprintf("revision %s%s promoted from channel %s to %s", s.revision, of(s), r.Channel, s.channel)})
	}
	return nil
}

// unshown reports whether a revision that all clusters of a channel run since
// they were made still has to reach the next channel: it must soak first, like
// any other.
func (d *Deliverer) unshown(ctx context.Context, channel, revision string) bool {
	steps, err := d.promotions(ctx, channel, revision)
	if err != nil {
		return false
	}
	for _, s := range steps {
		at, err := d.Source.Resolve(ctx, s.channel)
		if err != nil {
			continue
		}
		for _, part := range fairway.SplitRevision(at) {
			if (part.Name == "" || part.Name == s.source) && part.Revision != s.revision {
				return true
			}
		}
	}
	return false
}
