package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	commandpb "go.temporal.io/api/command/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	canaryNamespace = "muster-canary" // made by muster-engine; forgets a workflow after an hour
	canaryName      = "canary"

	probeEvery  = 15 * time.Second // while all is well; a failure is looked into at once
	probeWithin = 5 * time.Second
	// probeFailures in a row are a stall. One may be a busy machine.
	probeFailures = 3
)

// Canary is how the last probes went, and how often the engine was started again for one.
type Canary struct {
	Err      error     // of the last one; nil when it got through, and before the first
	LastOK   time.Time // zero: none has got through yet
	Took     time.Duration
	Restarts int
}

// Canary tells how the probes of whether work moves on went.
func (e *Engine) Canary() Canary {
	e.told.Lock()
	defer e.told.Unlock()
	return e.canary
}

// try probes once and notes how it went.
func (e *Engine) try(ctx context.Context) error {
	began := time.Now()
	err := e.probe(ctx)
	if ctx.Err() != nil { // nobody asks any more
		return err
	}
	e.told.Lock()
	defer e.told.Unlock()
	if e.canary.Err = err; err == nil {
		e.canary.LastOK, e.canary.Took = time.Now(), time.Since(began)
	}
	return err
}

// canary starts a workflow, takes its first task as a worker would, and completes it.
// An engine can answer every call and yet move no work on; this shows the difference.
// The start is put off a little, so that the task comes by way of a timer: after a step
// of the clock backwards timers stand still while all else moves (measured).
func canary(ctx context.Context, c client.Client, id string) error {
	// The server warns of polls that promise to end within 20 s; so this one is cut off.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer time.AfterFunc(probeWithin, cancel).Stop()
	api := c.WorkflowService()
	queue := &taskqueuepb.TaskQueue{Name: canaryName, Kind: enumspb.TASK_QUEUE_KIND_NORMAL}
	if _, err := api.StartWorkflowExecution(ctx, &workflowservice.StartWorkflowExecutionRequest{
		Namespace: canaryNamespace, WorkflowId: canaryName, RequestId: id, Identity: canaryName,
		WorkflowType: &commonpb.WorkflowType{Name: canaryName}, TaskQueue: queue,
		WorkflowExecutionTimeout: durationpb.New(time.Minute),
		WorkflowStartDelay:       durationpb.New(50 * time.Millisecond),
		WorkflowIdReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIdConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
	}); err != nil {
		return fmt.Errorf("start a workflow: %w", err)
	}
	task, err := api.PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
		Namespace: canaryNamespace, TaskQueue: queue, Identity: canaryName,
	})
	if err != nil {
		return fmt.Errorf("its first task did not come within %v: %w", probeWithin, err)
	}
	if len(task.GetTaskToken()) == 0 {
		return errors.New("no first task came")
	}
	if _, err = api.RespondWorkflowTaskCompleted(ctx, &workflowservice.RespondWorkflowTaskCompletedRequest{
		Namespace: canaryNamespace, TaskToken: task.GetTaskToken(), Identity: canaryName,
		Commands: []*commandpb.Command{{
			CommandType: enumspb.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
			Attributes: &commandpb.Command_CompleteWorkflowExecutionCommandAttributes{
				CompleteWorkflowExecutionCommandAttributes: &commandpb.CompleteWorkflowExecutionCommandAttributes{}},
		}},
	}); err != nil {
		return fmt.Errorf("complete it: %w", err)
	}
	return nil
}
