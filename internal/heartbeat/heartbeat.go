// Package heartbeat keeps an attempt at its work for as long as the engine counts on it.
//
// Temporal's SDK gives a beat no longer than a worker's throttle interval, which is a second with ours so that a cancel
// arrives soon, and cancels the attempt when the engine has not answered within that. So an engine that stood still for a
// second (a slow disk, a virtual machine that is being moved, a restart) cut off every step in progress in the
// middle of its effect, though it counts an attempt as lost only when it has heard nothing for the heartbeat timeout.
//
// Here an attempt holds a lease, which each answered beat renews. A beat without an answer ends the attempt
// when the lease is about to run out: before the engine gives the attempt up and sends somebody to look.
package heartbeat

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// answer is how long the last beat of a lease may wait for its answer.
	answer = time.Second / 2
	// ahead of the engine's own timeout a lease ends: it is looked at with each beat, a second apart.
	ahead = time.Second + answer
)

type leaseKey struct{}

// lease is held by one attempt.
type lease struct {
	within time.Duration
	mu     sync.Mutex
	sent   time.Time // of the newest beat that was answered
}

// Lease returns a context whose beats, sent through a connection with Interceptor, may go unanswered until
// the attempt has been silent for nearly within, its heartbeat timeout. With 0 there is nothing to hold.
func Lease(ctx context.Context, within time.Duration) context.Context {
	if within <= ahead {
		return ctx
	}
	return context.WithValue(ctx, leaseKey{}, &lease{within: within - ahead, sent: time.Now()})
}

// renew notes a beat that was answered. The engine counts from when it came, which is later than when it was sent.
func (l *lease) renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent.After(l.sent) {
		l.sent = sent
	}
}

// left is for how long the lease is held, which is 0 or less when it has run out. It goes by both clocks:
// the monotonic one stands still while a machine sleeps, the other may be set back.
func (l *lease) left(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.within - max(now.Sub(l.sent), now.Round(0).Sub(l.sent.Round(0)))
}

// Interceptor lets a beat of an attempt with a lease go unanswered while that holds. What the engine does say (that the
// attempt is over, or is to end) is passed on at once.
func Interceptor(ctx context.Context, method string, req, reply any, on *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	l, _ := ctx.Value(leaseKey{}).(*lease)
	if l == nil || method != workflowservice.WorkflowService_RecordActivityTaskHeartbeat_FullMethodName {
		return call(ctx, method, req, reply, on, options...)
	}
	// An engine that takes longer than the SDK waits has heard the beat all the same: its answer is worth waiting for.
	sent := time.Now()
	waits, stop := context.WithTimeout(context.WithoutCancel(ctx), max(l.left(sent), answer))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		if ctx.Err() == context.Canceled { // the attempt is over
			stop()
		}
	})()
	err := call(waits, method, req, reply, on, options...)
	switch serviceerror.ToStatus(err).Code() {
	case codes.OK:
		l.renew(sent)
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal, codes.Unknown:
		if l.left(time.Now()) > 0 {
			return nil // an empty answer asks nothing of the attempt
		}
		// In a word that the SDK takes for final: others it repeats for a second, while the attempt goes on.
		return status.Errorf(codes.DeadlineExceeded, "the engine has not answered for %s: %s", l.within, status.Convert(err).Message())
	}
	return err
}
