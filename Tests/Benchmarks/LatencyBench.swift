// From a commit in another process to its event in a till's hands, beside what the floor and Nchan need
// from a POST, with no database in their path. Both ends read the same CLOCK_MONOTONIC.

import ArgumentParser

struct LatencyBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Commit in another process → received, over 10,000 streams.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 10_000

    func run() throws {
        let count = options.size(streams, smoke: 40)
        var table = Table(
            "latency",
            [
                "p50_ms", "p99_ms", "max_ms", "p50_over_floor", "p99_over_floor", "commit_p50_ms",
                "commit_p99_ms", "lost",
            ],
            facts: ["streams": count])
        let many = options.size(100, smoke: 4)
        try compare(
            "\(many) businesses", Layout(streams: count, channels: many),
            Publishing(count: options.size(300, smoke: 8), rate: 50, channels: many), &table)
        try compare(
            "1 business", Layout(streams: count, channels: 1),
            Publishing(count: options.size(8, smoke: 2), rate: options.smoke ? 20 : 1), &table)
        table.print()
    }

    private func compare(
        _ name: String, _ layout: Layout, _ publishing: Publishing, _ table: inout Table
    ) throws {
        let arena = try Arena(options, layout)
        var figures: [String: [[Double]]] = [:]
        for _ in 0..<options.rounds {
            var floor: (p50: Double, p99: Double) = (.nan, .nan)
            for (index, rig) in arena.rigs.enumerated() {
                let found = try arena.measure(index, publishing)
                if rig is FloorRig { floor = (found.p50, found.p99) }
                figures[rig.name, default: []].append([
                    found.p50, found.p99, found.report.groups[0].max, found.p50 / floor.p50,
                    found.p99 / floor.p99, found.commits.p50, found.commits.p99, Double(found.lost),
                ])
            }
        }
        for rig in arena.rigs { table.add("\(name), \(rig.name)", runs: figures[rig.name] ?? []) }
    }
}
