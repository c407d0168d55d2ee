package heartbeat

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const beat = workflowservice.WorkflowService_RecordActivityTaskHeartbeat_FullMethodName

// asked is what a call comes to whose engine answers err.
func asked(ctx context.Context, method string, err error) error {
	return Interceptor(ctx, method, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err })
}

// An engine that does not answer ends an attempt when it would itself give it up, and not before; what it does
// answer counts at once.
func TestALeaseIsHeldUntilItRunsOut(t *testing.T) {
	away, over := serviceerror.NewUnavailable("the engine restarts"), serviceerror.NewNotFound("the attempt is over")
	aged := func(by time.Duration) context.Context {
		ctx := Lease(t.Context(), time.Minute) // so that a busy machine runs none out
		l := ctx.Value(leaseKey{}).(*lease)
		l.sent = l.sent.Add(-by)
		return ctx
	}
	for _, c := range []struct {
		what   string
		ctx    context.Context
		method string
		err    error
		passed bool
	}{
		{"an engine that is away for a moment", aged(3 * time.Second), beat, away, false},
		{"one that took too long", aged(3 * time.Second), beat, context.DeadlineExceeded, false},
		{"one that is away nearly for as long as an attempt may be silent: the next beat comes too late", aged(58900 * time.Millisecond), beat, away, true},
		{"one that says that the attempt is over", aged(0), beat, over, true},
		{"an attempt without a lease", t.Context(), beat, away, true},
		{"one whose beats nobody waits for", Lease(t.Context(), 0), beat, away, true},
		{"another call of the same attempt", aged(0), workflowservice.WorkflowService_RespondActivityTaskCompleted_FullMethodName, away, true},
	} {
		if err := asked(c.ctx, c.method, c.err); (err != nil) != c.passed {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	// The SDK repeats Unavailable for a second: the engine would have given the attempt up meanwhile.
	if err := asked(aged(time.Minute), beat, away); status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "the engine restarts") {
		t.Errorf("a lease that ran out: %v", err)
	}
	ctx := aged(time.Minute)
	if err := asked(ctx, beat, nil); err != nil {
		t.Error(err)
	}
	if err := asked(ctx, beat, away); err != nil {
		t.Errorf("after a beat that was answered: %v", err)
	}
}

// An answer that comes later than the SDK waits renews the lease all the same; one that nobody needs any more is not waited for.
func TestASlowAnswerIsWaitedFor(t *testing.T) {
	ctx := Lease(t.Context(), time.Minute)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	slow := func(waits context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		<-short.Done()
		return waits.Err()
	}
	if err := Interceptor(short, beat, nil, nil, nil, slow); err != nil {
		t.Errorf("after the SDK's time: %v", err)
	}
	over, end := context.WithCancel(ctx)
	err := Interceptor(over, beat, nil, nil, nil, func(waits context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		end()
		<-waits.Done()
		return waits.Err()
	})
	if err == nil {
		t.Error("an attempt that is over waits for an answer")
	}
}

// A clock that is set, or stood still while the machine slept, makes no lease longer.
func TestALeaseGoesByBothClocks(t *testing.T) {
	l := &lease{within: 4 * time.Second, sent: time.Now()}
	if l.left(l.sent.Add(time.Minute)) > 0 || l.left(l.sent.Round(0).Add(time.Minute)) > 0 || l.left(l.sent.Add(time.Second)) <= 0 {
		t.Error("a lease of four seconds is held by other than its time")
	}
}
