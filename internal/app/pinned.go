package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// deployment is the name of the servers' worker deployment in the engine.
const deployment = "muster"

// pinned makes runs stay on the version that they began with, as long as a server of it is up
// (temporal.pin_runs). Sites' workers need none: they run no workflows.
func pinned(o worker.Options, version string) worker.Options {
	o.DeploymentOptions = worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: version},
		DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
	}
	return o
}

// takeOver makes version the one that new runs begin on, if it is the one that the engine got to
// know last: a restart of an older server beside it takes nothing back. It goes on until the
// engine has answered or ctx ends, for the engine hears of a version only when its worker asks
// for work.
func takeOver(ctx context.Context, c client.Client, version string, log *slog.Logger) {
	silent := false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 15*time.Second) {
		before, err := tryTakeOver(ctx, c, version)
		switch {
		case err == nil && before == version:
			return
		case err == nil:
			log.Info("new runs begin on this version; those under way stay on theirs", "version", version, "before", before)
			return
		case ctx.Err() != nil:
			return
		case !silent && pause > 2*time.Second:
			log.Warn("new runs can't begin on this version yet; trying again", "version", version, "err", err)
			silent = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// tryTakeOver returns the version that was current before; version itself when nothing was to do.
func tryTakeOver(ctx context.Context, c client.Client, version string) (before string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	h := c.WorkerDeploymentClient().GetHandle(deployment)
	now, err := h.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return "", err
	}
	var newest, own time.Time
	for _, v := range now.Info.VersionSummaries {
		if v.CreateTime.After(newest) {
			newest = v.CreateTime
		}
		if v.Version.BuildID == version {
			own = v.CreateTime
		}
	}
	if own.IsZero() {
		return "", fmt.Errorf("the engine has not heard of version %s yet", version)
	}
	if current := now.Info.RoutingConfig.CurrentVersion; current != nil {
		if before = current.BuildID; before == version || own.Before(newest) {
			return version, nil
		}
	}
	_, err = h.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: version, ConflictToken: now.ConflictToken})
	return before, err
}
