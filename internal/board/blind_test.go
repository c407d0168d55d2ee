package board_test

// blindScenario is withheld from those who take part; what is planted in it is looked for.
const blindScenario = `kind: Scenario
name: night-shift
title: {en: Quokka fire in the basement, ja: 地下室のクオッカ火災}
hazard: disaster
depth: live
blind: true
sites_lost: [tokyo]
systems: [orders]
muster_place: osaka-room
failback: stay
decision: {by: commander, within: 10m, rule: wait}
`
