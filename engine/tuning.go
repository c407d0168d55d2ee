package engine

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

// tuning is for one process with one clock, one shard and a few thousand steps. The
// server's defaults are for a shared cluster: they put 50 ms on every hop, a second on
// every short timer, and stalls of 3 s and more on busy moments (measured, with the
// effect of each of these).
func tuning(skipping bool) dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		dynamicconfig.WorkflowTimeSkippingEnabled.Key(): skipping,
		// How often a shard may read its queues: a step takes 7 ms in place of 50.
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   1000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      1000,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): 200,
		dynamicconfig.OutboundProcessorMaxPollRPS.Key():   200,
		// How far ahead timers are read, which is how late short ones fire.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): 50 * time.Millisecond,
		// A queue task that can't have its workflow's lock in time comes back only
		// after 3 s; the default gives it half a second.
		dynamicconfig.HistoryCacheNonUserContextLockTimeout.Key(): 10 * time.Second,
		// What the engine knows of a workflow is kept for two minutes and then, if need be, read again,
		// which is one query. The default puts nothing away before there are 128,000 workflows: gigabytes.
		dynamicconfig.HistoryCacheTTL.Key(): 2 * time.Minute,
		dynamicconfig.HistoryCacheBackgroundEvict.Key(): dynamicconfig.CacheBackgroundEvictSettings{
			Enabled: true, LoopInterval: 30 * time.Second, MaxEntryPerCall: 1024,
		},
		// Events for other clusters to be told of, of which there are none; the default keeps 8 MB of them.
		dynamicconfig.XDCCacheMaxSizeBytes.Key(): 64 << 10,
		// A workflow task that a killed worker had taken is given out again after this
		// (default 10 s): the longest that a run stands still after a restart.
		dynamicconfig.DefaultWorkflowTaskTimeout.Key(): 5 * time.Second,
		// A wide fan-out answers with more than the default 100 events at once, which
		// fails the workflow task that is out.
		dynamicconfig.MaximumBufferedEventsBatch.Key(): 1000,
		// What a run can be told in its life (default 10,000): its probes share some 4,300 in a month, and
		// people's acts come on top. As in deploy/config/dynamic.yaml.
		dynamicconfig.MaximumSignalsPerExecution.Key(): 20_000,
		// Of updates, which people's acts are (default 2,000): a week of 20 people with 15 acts a day is more, and then a run
		// would take none, the abort included. The server counts on it: internal/engine/updates.go.
		dynamicconfig.WorkflowExecutionMaxTotalUpdates.Key(): 10_000,
		// One partition: order of priority is strict, a step takes 6 ms in place of 8.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// 512 workers each are 1,900 goroutines that nobody needs here.
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               32,
		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  32,
		dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            16,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             16,
		dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():               4,
		dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            4,
		dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 4,
		// New namespaces and search attributes can be used at once.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		// Nobody shares this engine, so nobody has to be held back.
		dynamicconfig.FrontendRPS.Key():                                                        100_000,
		dynamicconfig.FrontendNamespaceReplicationInducingAPIsRPS.Key():                        1_000,
		dynamicconfig.FrontendMaxNamespaceNamespaceReplicationInducingAPIsRPSPerInstance.Key(): 1_000,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():                                 100_000,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():                       1_000,
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key():                100_000,
		dynamicconfig.HistoryRPS.Key():                                                         100_000,
		dynamicconfig.MatchingRPS.Key():                                                        100_000,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                                          100_000,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                                           100_000,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                                          100_000,
		dynamicconfig.WorkerPersistenceMaxQPS.Key():                                            100_000,
		dynamicconfig.FrontendPersistenceNamespaceMaxQPS.Key():                                 100_000,
		dynamicconfig.HistoryPersistenceNamespaceMaxQPS.Key():                                  100_000,
		dynamicconfig.MatchingPersistenceNamespaceMaxQPS.Key():                                 100_000,
		dynamicconfig.WorkerPersistenceNamespaceMaxQPS.Key():                                   100_000,
		dynamicconfig.HistoryPersistencePerShardNamespaceMaxQPS.Key():                          100_000,
	}
}
