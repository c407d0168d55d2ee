package temporal

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
)

// Retention is how long an engine is trusted to remember what ended in a namespace.
func Retention(ctx context.Context, c client.Client, namespace string) time.Duration {
	return engine{c}.retention(ctx, namespace)
}
