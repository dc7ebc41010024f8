package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/aws"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// recordLookups is `fairway lookups record`.
func recordLookups(ctx context.Context, o cli.RecordOptions, stderr io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("it took longer than %s", renderTime))
	defer cancel()
	base := &subject{}
	defer base.close()
	sources, err := base.open(ctx, o.SubjectOptions)
	if err != nil {
		return err
	}
	all, rejected, err := registryClusters(ctx, o.SubjectOptions, sources, stderr)
	if err != nil {
		return err
	}
	clusters := make([]*fairway.Cluster, len(o.Names))
	for i, name := range o.Names {
		if clusters[i], err = choose(all, rejected, name); err != nil {
			return err
		}
	}
	account, err := accountOf(ctx, clusters)
	if err != nil {
		return err
	}
	recording := render.NewRecording(account, o.Flags)
	var problems []error
	for _, c := range clusters {
		s := &subject{to: o.To}
		s.input.Cluster, s.input.Siblings, s.input.Lookups = c, all, recording
		s.input.ManageEtcdStack, s.input.Engine = o.Flags.ManageEtcdStack, o.Flags.Engine
		err := s.resolve(ctx, sources)
		if err == nil {
			_, err = render.Files(ctx, render.FilesInput{Input: s.input, Version: s.version})
		}
		s.close()
		if err != nil {
			problems = append(problems, err)
		}
	}
	roots := filepath.Base(o.Out) + ".roots.pem"
	file, pem, err := recording.Done(ctx, roots)
	if err != nil {
		return fmt.Errorf("record look-ups: %w", err)
	}
	if pem != nil {
		if err := writeFile(filepath.Join(filepath.Dir(o.Out), roots), pem); err != nil {
			return err
		}
	}
	if err := writeFile(o.Out, file); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "recorded to %s\n", o.Out)
	if err := errors.Join(problems...); err != nil {
		return cli.Incomplete(fmt.Errorf("the answers up to an error of rendering were recorded: %w", err))
	}
	return nil
}

// accountOf opens the one account that clusters are in, and makes sure that the
// credentials are of that account.
func accountOf(ctx context.Context, clusters []*fairway.Cluster) (*aws.Account, error) {
	first := clusters[0]
	for _, c := range clusters {
		number, isAWS := strings.CutPrefix(c.InfrastructureAccount, "aws:")
		if !isAWS || number == "" {
			return nil, fairway.Errorf(fairway.CodeInvalid, "cluster %s is in account %s, which is none of AWS", c.ID, c.InfrastructureAccount).
				WithHint("clusters elsewhere need no look-ups")
		}
		if c.InfrastructureAccount != first.InfrastructureAccount || c.Region != first.Region {
			return nil, fairway.Errorf(fairway.CodeInvalid, "%s (%s, %s) and %s (%s, %s) are not of one account and region",
				first.ID, first.InfrastructureAccount, first.Region, c.ID, c.InfrastructureAccount, c.Region).WithHint("record each into a file of its own")
		}
	}
	account, err := aws.Open(ctx, aws.Options{Region: first.Region})
	if err != nil {
		return nil, err
	}
	id, err := account.ID(ctx)
	if err != nil {
		return nil, err
	}
	if want := strings.TrimPrefix(first.InfrastructureAccount, "aws:"); id != want {
		return nil, fairway.Errorf(fairway.CodeForbidden, "the credentials are of account %s, and cluster %s is in %s", id, first.ID, want).
			WithHint("choose a profile of that account with AWS_PROFILE")
	}
	return account, nil
}
