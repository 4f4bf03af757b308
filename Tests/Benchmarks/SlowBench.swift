// Clients that never read, among others that do: what they cost in memory, and what the others notice.

import ArgumentParser
import TidingsTesting

struct SlowBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow", abstract: "500 clients that never read among 5,000.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams that read.") var readers = 4_500
    @Option(help: "Streams that never do.") var sleepers = 500

    func run() throws {
        let channels = options.size(10, smoke: 2)
        let readers = options.size(readers, smoke: 20) / channels
        let sleepers = options.size(sleepers, smoke: 4) / channels
        var table = Table(
            "slow", ["p50_ms", "p99_ms", "p99_alone_ms", "growth_MiB", "cut", "lost"],
            facts: ["readers": readers * channels, "sleepers": sleepers * channels])
        var figures: [String: [[Double]]] = [:]
        let layout = Layout(streams: (readers + sleepers) * channels, channels: channels)
        for _ in 0..<options.rounds {
            for rig in try Arena.rigs(
                options, layout,
                settings: ["stream.slow_age=1s", "stream.slow_size=64KiB", "stream.heartbeat=2s"])
            where !(rig is FloorRig) {
                let alone = try measure(rig, channels, readers, 0)
                let found = try measure(rig, channels, readers, sleepers)
                figures[rig.name, default: []].append([
                    found.report.groups[0].p50, found.report.groups[0].p99, alone.report.groups[0].p99,
                    Double(found.growth) / 1_048_576, found.cut, Double(found.lost),
                ])
            }
        }
        // The floor waits for a full socket: it has no answer to a client that never reads.
        for name in ["tidings", "nchan"] { if let runs = figures[name] { table.add(name, runs: runs) } }
        table.print()
    }

    private func measure(
        _ rig: any Rig, _ channels: Int, _ readers: Int, _ sleepers: Int
    ) throws -> (report: Crowd.Report, growth: Int, cut: Double, lost: Int) {
        var parts: [Crowd.Part] = []
        for channel in 0..<channels {
            parts.append(Crowd.Part(channel: channel, count: readers))
            if sleepers > 0 {
                parts.append(Crowd.Part(channel: channel, count: sleepers, group: 1, neverReads: true))
            }
        }
        let crowd = try Crowd(rig, parts)
        let before = rig.usage
        // 20 KB a message and business: each sleeper is owed 600 KB.
        let publishing = Publishing(
            count: options.size(30, smoke: 3) * channels, rate: options.smoke ? 40 : 30, channels: channels,
            bulk: options.size(40, smoke: 2))
        let expected = publishing.count * readers * rig.stamps(publishing)
        let publisher = try rig.publish(publishing)
        let report = try crowd.receive(expected, within: 60)
        try publisher.finish()
        let growth = rig.usage.residentBytes - before.residentBytes
        let owedEnough = options.size(sleepers * channels, smoke: 0)
        let cut = try (rig as? TidingsRig).map { try Self.cut($0, atLeast: owedEnough) } ?? .nan
        return (report, growth, cut, expected - report.groups[0].received)
    }

    /// Streams that were closed as slow. Waits a while for so many: heartbeats find the last of them.
    private static func cut(_ rig: TidingsRig, atLeast count: Int) throws -> Double {
        func now() throws -> Int {
            let page = try TillSocket.ask(port: rig.adminPort, "GET", "/metrics").body
            let name = "tidings_streams_closed_total{reason=\"slow\"} "
            let line = String(decoding: page, as: UTF8.self).split(separator: "\n")
                .first { $0.hasPrefix(name) }
            return line.flatMap { Int($0.dropFirst(name.count)) } ?? 0
        }
        return try Double(waitFor(seconds: 15) { try now() >= count ? now() : nil } ?? now())
    }
}
