// What a delivery costs: one business with every stream, and very many small ones; at a pace that is kept up
// with, and saturated. The floor and Nchan are given each message over HTTP; Tidings reads it from commits of
// another process.

import ArgumentParser

struct FanoutBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fanout", abstract: "CPU per delivery, one business with 10,000 streams.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 10_000

    func run() throws {
        let arena = try Arena(options, Layout(streams: options.size(streams, smoke: 40), channels: 1))
        try compareDeliveries(
            "fanout", options, arena,
            paced: Publishing(count: options.size(20, smoke: 3), rate: options.smoke ? 20 : 4),
            saturated: Publishing(count: options.size(60, smoke: 6)), saturatingCommits: 100)
    }
}

struct TenantsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants", abstract: "CPU per delivery, 1,000 businesses of 10 streams.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Businesses, of 10 streams each.") var businesses = 1_000

    func run() throws {
        let count = options.size(businesses, smoke: 4)
        let arena = try Arena(options, Layout(streams: count * 10, channels: count))
        try compareDeliveries(
            "tenants", options, arena,
            paced: Publishing(
                count: options.size(1_000, smoke: 8), rate: options.smoke ? 50 : 250, channels: count),
            saturated: Publishing(count: options.size(10_000, smoke: 40), channels: count),
            saturatingCommits: 0)
    }
}

/// Two paces over all rigs, as ratios to the floor of the same run.
///
/// - Parameter saturatingCommits: Commits a second that are more than can be delivered; 0: as fast as
/// possible.
private func compareDeliveries(
    _ bench: String, _ options: BenchOptions, _ arena: Arena, paced: Publishing, saturated: Publishing,
    saturatingCommits: Double
) throws {
    var table = Table(
        bench,
        ["cpu_s_per_million", "to_floor", "p50_ms", "p99_ms", "deliveries_per_s", "bytes_each", "lost"],
        facts: ["streams": arena.layout.total, "businesses": arena.layout.streams.count])
    for (pace, publishing) in [("paced", paced), ("saturated", saturated)] {
        var figures: [String: [[Double]]] = [:]
        for _ in 0..<options.rounds {
            var floor = Double.nan
            for (index, rig) in arena.rigs.enumerated() {
                var publishing = publishing
                if pace == "saturated", rig is TidingsRig { publishing.rate = saturatingCommits }
                let found = try arena.measure(index, publishing)
                if rig is FloorRig { floor = found.cpuPerMillion }
                figures[rig.name, default: []].append([
                    found.cpuPerMillion, found.cpuPerMillion / floor, found.p50, found.p99,
                    Double(found.report.received) / max(1e-6, found.report.seconds), found.bytesEach,
                    Double(found.lost),
                ])
            }
        }
        for rig in arena.rigs { table.add("\(rig.name) \(pace)", runs: figures[rig.name] ?? []) }
    }
    table.print()
}
