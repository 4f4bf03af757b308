// Everybody returns at once, a hundred changes behind: from the tail that all share, and, when that no longer
// reaches back, from the state index.

import ArgumentParser

struct StormBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm", abstract: "10,000 streams return with 100 changes behind each.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 10_000
    @Option(help: "Changes missed.") var missed = 100

    func run() throws {
        let count = options.size(streams, smoke: 40)
        let missed = options.size(missed, smoke: 5)
        let layout = Layout(streams: count, channels: 1, backlog: missed)
        var table = Table(
            "storm", ["caught_up_s", "to_floor", "cpu_s", "bytes_each", "lost"],
            facts: ["streams": count, "missed": missed])
        var figures: [String: [[Double]]] = [:]
        for _ in 0..<options.rounds {
            var floor = Double.nan
            var rigs: [(String, any Rig)] = try Arena.rigs(options, layout).map { ($0.name, $0) }
            rigs.append(
                ("tidings, from the index", try TidingsRig(layout, settings: ["stream.tail_frames=16"])))
            for (name, rig) in rigs {
                let found = try measure(rig, layout, missed)
                if rig is FloorRig { floor = found.report.sinceOpening }
                figures[name, default: []].append([
                    found.report.sinceOpening, found.report.sinceOpening / floor, found.cpuSeconds,
                    found.bytesEach, Double(found.lost),
                ])
            }
        }
        for name in ["floor", "tidings", "tidings, from the index", "nchan"] {
            if let runs = figures[name] { table.add(name, runs: runs) }
        }
        table.print()
    }

    private func measure(_ rig: any Rig, _ layout: Layout, _ missed: Int) throws -> Measurement {
        try Self.fallBehind(rig, by: missed)
        let before = rig.usage
        let crowd = try Crowd(rig, layout, burst: layout.total)
        let report = try crowd.receive(layout.total * missed, within: 60)
        return Measurement(
            cpuSeconds: rig.usage.cpuSeconds - before.cpuSeconds, expected: layout.total * missed,
            report: report)
    }

    /// Streams of the first channel that are opened from now on return after so many changes.
    static func fallBehind(_ rig: any Rig, by missed: Int) throws {
        // One that was there before keeps the channel; then everyone has missed the same.
        let first = try Crowd(rig, [Crowd.Part(channel: 0, count: 1)])
        try (rig as? TidingsRig)?.remember(channels: 1)
        try rig.publish(Publishing(count: missed, rate: 500)).finish()
        _ = try first.receive(missed, within: 20)
        try first.close()
    }
}
