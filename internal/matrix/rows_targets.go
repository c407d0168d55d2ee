package matrix

func targets() []Row {
	return []Row{
		{N: 46, Group: "F", Fault: "a target is half alive: it takes connections and says nothing, reads and does not write, or shows what was",
			Holds: "not taken for up; what each probe saw is shown",
			Proofs: all(tests("activities/probe", "TestAServerThatTakesConnectionsAndSaysNothingIsDown", "TestHalfTheCapacityIsLevelFifty"), tests("activities/mysql", "TestALyingServerIsNoWriter"), tests("activities/dns", "TestAServerWithOldDataIsNamed"), tests("internal/progress", "TestPeopleAndProbesContradictEachOther"),
				long(tests("internal/app", "TestFaultsOfTargets/half-alive", "TestFaultsOfTargets/old-data")))},
		{N: 47, Group: "F", Fault: "a prober is cut off, and sees an outage that is none",
			Holds:  "what nobody looked at is a gap and no outage; a decision waits for people or the plan's rule, and its word and theirs stand side by side",
			Proofs: all(tests("workflows", "TestSilentProbeIsStartedAgain", "TestObservationsSurviveADeathAtTheEnd"), tests("internal/progress", "TestPeopleAndProbesContradictEachOther"), tests("activities/probe", "TestLosingTheEngineMissesNothing", "TestKilledWorkerLosesNoOutage")),
			Lacks:  "a function has one vantage point: there is no quorum of probers, and no start without people rests on a probe"},
		{N: 48, Group: "F", Fault: "a probe sees service that is none: a stranger's answer, a wrong certificate, a moment of luck",
			Holds: "the answer must say so, of the server that was meant, and hold for as long as the plan says",
			Proofs: all(tests("activities/probe", "TestAnAnswerIsJudgedByACondition", "TestMarkersSeeAFailoverAndLoseNothingThatArrived"), tests("activities/http", "TestCheckTrustsTheGivenCertificates"), tests("workflows", "TestAnOutageTooShortToBeToldBreaksTheHold", "TestTheHoldIsOfTheLevelThatIsNeeded"),
				long(tests("internal/app", "TestFaultsOfTargets/lying-to-all", "TestFaultsOfTargets/stranger", "TestFaultsOfTargets/flapping")))},
		{N: 49, Group: "F", Fault: "the old primary is back after the promotion",
			Holds: "it was fenced before, or is found: never two that count, and no write that was acknowledged is gone unnoticed",
			Proofs: all(tests("activities/postgres", "TestFrozenPrimaryIsFencedBeforeItCanWriteAgain", "TestTwoWritersAreFound", "TestRejoinRefusesAServerThatTakesWrites", "TestRejoinTellsTimelinesOfOneNumberApart"), tests("activities/mysql", "TestTwoWritersAreFound"), tests("activities/probe", "TestFrozenPrimaryDoesNotHideTheNewOne"),
				long(tests("activities/mysql", "TestFrozenPrimaryIsFencedBeforeItCanWriteAgain")), long(tests("activities/redis", "TestAFrozenMasterTakesNoWriteThatCounts")), root(long(tests("deploy/lab", "TestTheLineToTokyoIsCut"))))},
		{N: 50, Group: "F", Fault: "a fence fails or can't be seen",
			Holds:  "it does not pass; nothing is promoted without somebody's recorded word",
			Proofs: all(tests("activities/postgres", "TestFenceElsewhereNeverPassesWithoutProof", "TestPromoteIsRefused", "TestAFencedServerIsNotPromoted", "TestPromoteAsksWhomeverTheStandbyFollows", "TestPromoteAsksThePrimaryBehindAStandby", "TestSwitchoverDoesNotPromoteTheStandbyOfAnotherPrimary", "TestFencingAStandbyThatIsBeingPromotedEndsThat", "TestUnfencingWhileTheNewPrimaryIsStartedAgain"), tests("activities/mysql", "TestFenceElsewhereNeverPassesWithoutProof", "TestAFencedServerIsNotPromoted"), tests("activities/redis", "TestAFenceThatARestartForgetsIsAFinding"), tests("workflows", "TestUnknownAsksAPerson", "TestStepIsForcedByTwo"))},
		{N: 51, Group: "F", Fault: "a promotion says yes and did nothing, or no and did it",
			Holds:  "observation decides",
			Proofs: all(tests("activities/http", "TestRequestThatDidNothing", "TestRequestLostAnswer"), tests("activities/postgres", "TestAPromotionUnderWayIsNotTakenForNone"), tests("activities/kubernetes", "TestALyingServerIsFoundOut"), long(tests("activities/redis", "TestALyingReplicaIsNotPromoted")), long(tests("internal/app", "TestFaultsOfTargets/lying")))},
		{N: 52, Group: "F", Fault: "a replica lags beyond the RPO, or nobody can tell how far",
			Holds:  "it is said and refused; what was lost is counted from outside",
			Proofs: all(tests("activities/postgres", "TestPromoteSaysWhenItIsTooFarBehind"), tests("activities/redis", "TestPromoteRefusesWhatWouldLose"), tests("activities/probe", "TestMarkersCountWhatAsynchronousReplicationLost", "TestMySQLMarkersCountWhatAsynchronousReplicationLost", "TestRedisMarkersCountWhatAsynchronousReplicationLost", "TestMarkersThatBeginAfterTheOutageProveNoLoss"), tests("internal/objective", "TestAchievedRPO", "TestMarkersFromAfterTheOutageProveNothingOfIt"))},
		{N: 53, Group: "F", Fault: "an undo or the way home fails half-way",
			Holds:  "said to be not restored; the system stays locked, by name, until somebody releases it",
			Proofs: all(tests("workflows", "TestFailedUndoBlocksTheSystem", "TestHalfDoneIsUndone"), tests("internal/api", "TestReleasingASystem"), tests("internal/board", "TestLeftoverLocks"), tests("internal/report", "TestAFailedRestoreSaysWhatIsLeft"))},
		{N: 54, Group: "F", Fault: "a command hangs, prints without end, or leaves children behind",
			Holds:  "bounded in time and bytes; its whole group is ended",
			Proofs: all(tests("activities/exec", "TestEndlessOutput", "TestCancelEndsTheGroup"), tests("activities/process", "TestStopTakesAllOfIt", "TestFrozen"), tests("activities/ssh", "TestACancelledStepEndsTheProgram"), long(tests("internal/app", "TestFaultsOfTargets/verbose")))},
		{N: 55, Group: "F", Fault: "a target comes and goes",
			Holds:  "nothing that does not hold is called restored; a system is in one run at a time, and no rule starts the next response within an hour",
			Proofs: all(tests("workflows", "TestAnOutageTooShortToBeToldBreaksTheHold"), tests("activities/redis", "TestAFlappingLink"), tests("internal/api", "TestSecondScenarioOfASystemIsRefusedByName"), tests("internal/alarm", "TestAFloodIsBounded", "TestATargetThatComesAndGoesStartsOneResponse"), tests("internal/app", "TestWhatHasJustRecovered"), long(tests("internal/app", "TestFaultsOfTargets/flapping")))},
	}
}

func changes() []Row {
	return []Row{
		{N: 66, Group: "I", Fault: "a worker is upgraded in the middle of a run",
			Holds:  "every recorded history replays with this code; a pinned run ends on the version that it began with, another on the new one",
			Proofs: all(tests("workflows", "TestReplay"), tests("internal/app", "TestRunsStayOnTheVersionTheyBeganWith", "TestAnUpgradeIsTriedBeforeIt"), previous(long(tests("internal/app", "TestARunOfThePreviousReleaseEndsOnThisOne"))))},
		{N: 67, Group: "I", Fault: "workflow code that is not deterministic",
			Holds:  "replay and workflowcheck find it (make check plants a clock); in production the run is parked and not lost, and the old binary ends it",
			Proofs: all(tests("workflows", "TestReplay"), long(tests("internal/app", "TestABinaryThatCannotGoOnParksTheRun")))},
		{N: 68, Group: "I", Fault: "plan files are edited while a run goes on",
			Holds:  "the run goes on with the plan that it began with; the change is seen where a proof rests on the files",
			Proofs: all(tests("internal/app", "TestFilesAndSecretsAreChangedInTheMiddle"), tests("internal/proof", "TestAProofExpiresByChange", "TestAPlanThatCantBeMadeAnyMoreIsAChange"))},
		{N: 69, Group: "I", Fault: "the previous release on a newer database",
			Holds:  "refused by name; nothing half",
			Proofs: all(tests("internal/journal", "TestRefusesNewerSchema", "TestAFileIsSavedBeforeItsSchemaChanges", "TestNoBackupNoUpgrade"), tests("internal/engine", "TestRefusesOtherData"), tests("engine", "TestMigrateRefuses", "TestMigrateIsAllOrNothing"))},
		{N: 70, Group: "I", Fault: "a secret is changed in the middle of a run, or is not there",
			Holds:  "resolved at the site for each step; what is missing is named before anything is begun",
			Proofs: all(tests("internal/app", "TestFilesAndSecretsAreChangedInTheMiddle"), tests("activities", "TestReadinessChecksBothSecrets"), long(tests("internal/app", "TestFaultsOfTargets/no-secret")))},
	}
}

func hostile() []Row {
	return []Row{
		{N: 71, Group: "J", Fault: "evidence is altered, deleted, reordered, cut, or replaced by a whole fake",
			Holds:  "verify names what differs; a fake is caught by the key and by any kept checkpoint",
			Proofs: all(tests("internal/evidence", "TestNoFlippedByteGoesUnnoticed", "TestManipulatedCopiesAreRejected", "TestWithoutAKeyNothingShowsWhoseItIs", "TestTheLogContinuesAnOlderCheckpoint"), tests("internal/evidence/keep", "TestAForgedReportIsRejectedInEachPart", "TestALaterPartThatWasTakenOut", "TestWhatWasAlteredSinceIsFoundWithinADay"))},
		{N: 72, Group: "J", Fault: "a site's key is stolen; a target or a balancer lies",
			Holds:  "a site may do its own work only; what others see contradicts the lie",
			Proofs: all(tests("internal/gateway", "TestASiteMayDoItsOwnWorkOnly", "TestASiteSpeaksForItsOwnProbesOnly", "TestAStolenKeyDoesNotMakeARunDeaf"), tests("workflows", "TestASiteIsHeardAboutItsOwnProbesOnly"), tests("activities/mysql", "TestALyingServerIsNoWriter"), long(tests("activities/redis", "TestALyingSentinel")), long(tests("internal/app", "TestFaultsOfTargets/lying-to-all")))},
		{N: 73, Group: "J", Fault: "floods: messages, viewers, waiting requests, connections that say nothing",
			Holds: "bounded for each sender; what matters is answered all the while",
			Proofs: all(tests("internal/alarm", "TestAFloodIsBounded", "TestStrangersDoNotHoldTheDoorShut"), tests("internal/api", "TestOnePersonWaitsSoManyTimesAtOnce", "TestAnAlarmIsTheFirstToAct"), tests("internal/board", "TestOnePersonKeepsSoManyPagesCurrent"), tests("internal/identity", "TestManyAddressesAreForgotten", "TestFailedSignInsAreCountedSlowedAndNoted"),
				root(long(tests("internal/app", "TestFaultsOfRestores"))))},
		{N: 74, Group: "J", Fault: "names hold control codes, formulas, markup",
			Holds:  "shown as they are, and nothing acts",
			Proofs: all(tests("internal/run", "TestOneLine"), tests("internal/report", "TestNamesAndMarksAreRightInAllFormats", "TestNamesInEveryFormat"), tests("internal/sheet", "TestNoCellIsAFormula"), tests("internal/cli", "TestCellsOfASpreadsheetAreNoFormulas"), tests("internal/channel/slack", "TestEveryMessageIsWithinTheLimits"), tests("internal/channel/mail", "TestALetter"), tests("internal/board", "TestWhatPeopleWriteIsText"))},
	}
}
