// `tidings-bench`: programs that time things. One file a subcommand; each prints a table for people and one
// line of JSON.

import ArgumentParser
import Events

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidings-bench", abstract: "Measures Tidings.",
        subcommands: [
            FanoutBench.self, TenantsBench.self, CoresBench.self, MemoryBench.self, LatencyBench.self,
            AcceptBench.self, StormBench.self, BesideBench.self, SlowBench.self, FairBench.self,
            BulkBench.self, HooksBench.self, HostileBench.self, ChangesBench.self, FullBench.self,
            CallsBench.self, RatesBench.self, WalBench.self, DrainBench.self, ScrapeBench.self,
            WorkBench.self, CommitCommand.self, DeliverCommand.self,
        ])
}

// What is started here must hear its signals, also when whoever started this has them blocked.
SignalTrap.prepareProcess()
Bench.main()
