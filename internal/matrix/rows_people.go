package matrix

func people() []Row {
	return []Row{
		{N: 34, Group: "E", Fault: "one event by several sources and many messages at once",
			Holds:  "one proposal or run, with its sources listed",
			Proofs: all(tests("internal/alarm", "TestOneEventStartsOneRun", "TestPagerDuty", "TestAlertmanager"), tests("internal/api", "TestStartsAtOnceAreOneRun"))},
		{N: 35, Group: "E", Fault: "a double click, two phones, Slack's second delivery",
			Holds: "one act; whoever comes second is told who did it",
			Proofs: all(tests("internal/api", "TestDoubleClicksCountOnce"), tests("internal/channel/slack", "TestAcknowledgedAtOnceAndDoneOnce"), tests("workflows", "TestApprovalOfWhatNoLongerWaitsSaysSo"),
				long(tests("internal/board", "TestADoubleClickCountsOnce")))},
		{N: 36, Group: "E", Fault: "two persons answer at the same moment, one yes and one no",
			Holds:  "one wins, the other is told; the number of persons needed is kept",
			Proofs: tests("workflows", "TestTwoDecisionsAtOnce", "TestARefusedRecoveryWaitsForAKnowingYes", "TestARefusedActivationWaits", "TestTwoApprovalsAreTwoHands")},
		{N: 37, Group: "E", Fault: "a yes to what has changed since: the decision, the plan",
			Holds:  "refused, with what holds now",
			Proofs: all(tests("workflows", "TestAYesIsToWhatWasAsked", "TestADecisionIsRevised"), tests("internal/api", "TestAnActivationIsWhatWasRead"), tests("internal/board", "TestAnOutdatedPageApprovesNothing"))},
		{N: 38, Group: "E", Fault: "whoever asked approves, by another channel or another's token",
			Holds:  "refused, and logged",
			Proofs: all(tests("workflows", "TestFourEyes", "TestDeciderDoesNotApprove", "TestATokenIssuedByTheFirstPersonIsNoSecondPerson", "TestTheConsoleIsOnePairOfEyes"), tests("internal/api", "TestATokenOfAnotherIsNoSecondPerson"), tests("internal/channel/slack", "TestWhoMayNot"))},
		{N: 39, Group: "E", Fault: "an approver loses the role, or leaves, between question and answer",
			Holds:  "refused when it is used, not only when it is asked",
			Proofs: all(tests("workflows", "TestARoleIsHandedOver"), tests("internal/api", "TestDisabledPersonCanNotAct"), tests("internal/identity", "TestDisabledPersonIsRefusedEverywhere", "TestWhoLeftTheEstateIsRefused"), tests("internal/app", "TestDirectoryFollowsTheEstate"))},
		{N: 40, Group: "E", Fault: "nobody answers; the one who may approve is hurt",
			Holds:  "deputies are asked, the rule decides, and it is never silent",
			Proofs: tests("workflows", "TestSilenceDoesNotBlock", "TestDeputiesDecideWhenTheChiefIsSilent", "TestWhoIsHurtIsNotWaitedForToApprove", "TestRemindersFollowTheirSchedule", "TestADrillWithoutItsCommander", "TestTooFewAreNamedAndSomebodyLeadsOn")},
		{N: 41, Group: "E", Fault: "break-glass is used",
			Holds:  "a reason is needed; everybody is told; it is counted and stands in the record",
			Proofs: all(tests("workflows", "TestBreakGlassIsToldToEverybody", "TestStepIsForcedAloneByBreakGlass", "TestBreakGlassOfAnAdministratorSaysSo"), tests("internal/api", "TestForcingAloneIsToldToEverybody"), tests("internal/metrics", "TestBreakGlassIsCounted"), tests("internal/report", "TestOneConsoleIsReviewed"))},
		{N: 42, Group: "E", Fault: "abort in the middle of an act",
			Holds:  "nothing more begins; what runs is ended or observed, and what was done is undone, and no more; the next response can begin",
			Proofs: all(tests("workflows", "TestAbortDuringRecoveryUndoes", "TestAbortWhilePausedGoesHome", "TestAnAbortStopsTheWayHomeOfAResponse", "TestWhatAStepFoundDoneIsNotUndone", "TestAnOrderThatNobodyTookIsNotUndone", "TestAnAbortedResponseLetsGoOfWhatItPutBack"), tests("internal/api", "TestAnAbortedResponseLetsGoAndIsRecorded"), tests("activities/exec", "TestCancelEndsTheGroup"), tests("activities/ssh", "TestACancelledStepEndsTheProgram"), root(long(tests("internal/app", "TestFaultsOfRestores/aborted-in-fetch", "TestFaultsOfRestores/aborted-in-replay"))))},
		{N: 43, Group: "E", Fault: "a drill beside the real thing, and the reverse",
			Holds:  "each hears of the other; the drill is stopped, or is told how; the real thing wins",
			Proofs: all(tests("internal/api", "TestADrillBesideWhatIsRealIsTold", "TestALiveDrillInTheWayOfWhatIsReal"), tests("internal/alarm", "TestARealAlarmStopsDrills", "TestADrillsOwnAlarmsDoNotStartTheRealThing"), tests("internal/board", "TestADrillBesideTheRealThing"))},
		{N: 44, Group: "E", Fault: "a drill whose plan or parameters point at production",
			Holds:  "the compiler refuses, the run refuses, and the worker refuses by its own guard and policy",
			Proofs: all(tests("activities", "TestGuards", "TestTheWorkersPolicyComesBeforeThePlan", "TestNoKindNoSecret", "TestADeclaredEffectDoesNotOpenAPolicy"), tests("workflows", "TestDrillableIsHeldByTheRun"), tests("internal/scenario", "TestDepthIsHeld", "TestSharedTarget", "TestTargetsAreSpared")),
			Lacks:  "targets are not asked for an `environment` of their own"},
		{N: 45, Group: "E", Fault: "due times overlap; servers were away when something was due",
			Holds:  "one run, or a reason why not; never a burst",
			Proofs: all(tests("internal/api", "TestServersThatWereAwayStartOneRun", "TestWhatHoldsADrillUpIsToldAndItIsHeldAfterwards", "TestDrillThatIsTooLateIsMissedOrPostponedByRule"), tests("internal/programme", "TestWhatIsHeldUpIsLookedAtAgain"))},
	}
}

func messages() []Row {
	return []Row{
		{N: 56, Group: "G", Fault: "Slack is down for ten minutes, answers 429 or 500, or nothing after having done it",
			Holds:  "the run and the other channels go on; afterwards everybody has each message once, and the true state",
			Proofs: all(tests("internal/channel/slack", "TestTenBadMinutes", "TestRetryAfter"), tests("internal/channel", "TestFiveThousandWhileOneChannelIsDown", "TestCrashBetweenSendingAndNoting"))},
		{N: 57, Group: "G", Fault: "a forged, changed, old or repeated message",
			Holds:  "refused; nothing comes of it; counted",
			Proofs: all(tests("internal/channel/slack", "TestSignatures"), tests("internal/channel/webhook", "TestSignatures"), tests("internal/alarm", "TestWhoIsNotVerifiedIsRefused", "TestACopyStartsNothing"))},
		{N: 58, Group: "G", Fault: "an act takes longer than Slack waits",
			Holds:  "acknowledged before it is done, and done once",
			Proofs: tests("internal/channel/slack", "TestAcknowledgedAtOnceAndDoneOnce")},
		{N: 59, Group: "G", Fault: "a user of Slack who is unknown, a guest, disabled or of another company",
			Holds:  "no rights, and a polite answer for them alone",
			Proofs: tests("internal/channel/slack", "TestWhoMayNot", "TestAChannelForEachRun")},
		{N: 60, Group: "G", Fault: "5,000 people are called while one channel answers nothing",
			Holds:  "nobody waits for the dead channel; everybody is told once by each in the end",
			Proofs: all(tests("internal/channel", "TestFiveThousandWhileOneChannelIsDown", "TestNoChannelReachesSomebody"), long(tests("internal/app", "TestFiveThousandPeopleAreCalled")))},
		{N: 61, Group: "G", Fault: "an event is delivered again, after its proposal was settled or archived",
			Holds:  "what is known starts nothing; a copy of old goes to people, not into a run; what PagerDuty signed is never answered 4xx",
			Proofs: tests("internal/alarm", "TestPagerDuty", "TestWhatPagerDutySignedIsNeverAnswered4xx", "TestAnArchivedEventComesAgain", "TestArchivingIsCutOff", "TestACopyStartsNothing", "TestWhatCantStartIsTriedAgainOrPutBeforePeople")},
	}
}

func inputs() []Row {
	return []Row{
		{N: 62, Group: "H", Fault: "poisoned plan files: bombs, depth, size, NUL, duplicate keys, a second document, unknown fields, cycles",
			Holds:  "refused before they are read in full, each mistake with its place; never loaded half",
			Proofs: all(tests("internal/scenario", "TestPoisonedFiles", "TestWrongFiles", "TestAllWrongFilesAtOnce", "TestPlansBelowAPlan"), tests("internal/yamldoc", "TestEveryMistakeIsTold", "TestScalars"), tests("internal/expr", "TestCostIsBounded"), tests("internal/estate", "TestCycle"))},
		{N: 63, Group: "H", Fault: "telegrams: cancelled, training, not a number, not received, out of order, three times; the feed is silent",
			Holds:  "each kind is judged right; people are told of silence once, within minutes",
			Proofs: all(tests("internal/alarm/jma", "TestQuickReport", "TestTrainingTelegramIsNotReal", "TestCancellationNamesItsSeries", "TestWhatDidNotArriveCountsAsFiveLower", "TestWhatIsNoTelegramIsRefused"), tests("internal/alarm", "TestTheNewestOfASeriesCounts", "TestACancelClosesWhatWaitsAndUndoesNothing", "TestATrainingTelegramNeverStartsAResponse", "TestASilentFeedIsToldOnce", "TestPeopleAreToldOnceOfASilentFeed"), tests("internal/app", "TestThoseInChargeAreToldOfASilentFeed"))},
		{N: 64, Group: "H", Fault: "an alarm's text is HTML, a template, a command, a megabyte or right-to-left",
			Holds:  "one line of text, everywhere",
			Proofs: all(tests("internal/alarm", "TestAnyWebhook", "TestWhatComesInIsBounded"), tests("internal/board", "TestWhatPeopleWriteIsText"), tests("internal/run", "TestOneLine"), tests("internal/channel/slack", "TestEveryMessageIsWithinTheLimits"))},
		{N: 65, Group: "H", Fault: "the same files in another folder, in another order, at another time",
			Holds:  "one hash: one version",
			Proofs: tests("internal/scenario", "TestSameFilesSameHash", "TestARuleChangesNoPlan")},
	}
}
