// Package work runs Fairway's jobs. It is the only room that knows River.
//
// A job is "look after this subject once more": a kind and a subject, unique
// while it is waiting or running. Its handler does one bounded piece of work
// and says when to look again; nothing is kept in the job, so that losing the
// whole queue loses nothing but a little time.
//
//	queue, err := work.Open(ctx, work.Options{Path: "jobs.db", Handlers: map[work.Kind]work.Handler{
//		work.ChannelRefresh: refresher.Refresh,
//	}})
//	queue.Start(ctx)
//	queue.Enqueue(ctx, work.ChannelRefresh, "all")
package work

import (
	"context"
	"time"
)

// Kind is a kind of job.
type Kind string

// The kinds of jobs (design.md, "Engine and data").
const (
	// ClusterUpdate brings a cluster to a version; the subject is the update's id.
	ClusterUpdate Kind = "cluster.update"
	// ChannelRefresh looks for new revisions and due clusters; one for all channels.
	ChannelRefresh Kind = "channel.refresh"
	// RolloutAdvance takes a rollout one step further; the subject is its id.
	RolloutAdvance Kind = "rollout.advance"
	// MarksSweep removes marks without an owner; the subject is the cluster's id.
	MarksSweep Kind = "marks.sweep"
	// DriftSweep looks for changes by others; the subject is the cluster's id.
	DriftSweep Kind = "drift.sweep"
)

// Done is what a handler returns when its subject needs no further look.
const Done time.Duration = -1

// Handler does one bounded piece of work on a subject and returns after how
// long to look again, or Done. After an error the job is tried again with a
// growing delay.
type Handler func(ctx context.Context, subject string) (again time.Duration, err error)
