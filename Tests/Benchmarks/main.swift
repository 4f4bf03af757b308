// `tidings-bench`: programs that time things. One file a subcommand; each prints a table for people and one
// line of JSON.

import ArgumentParser

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidings-bench", abstract: "Measures Tidings.",
        subcommands: [HooksBench.self, LatencyBench.self, HostileBench.self])
}

Bench.main()
