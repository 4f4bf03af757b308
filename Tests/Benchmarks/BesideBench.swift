// What everyone else notices when ten thousand streams return at once: a business of a hundred streams, under
// 50 commits a second, alone and beside the storm.

import ArgumentParser
import TidingsTesting

struct BesideBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "beside", abstract: "Live latency of others while 10,000 streams return at once.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams that return.") var streams = 10_000
    @Option(help: "Changes missed.") var missed = 100

    func run() throws {
        var layout = Layout([options.size(streams, smoke: 40), options.size(100, smoke: 4)])
        let missed = options.size(missed, smoke: 5)
        layout.backlog = missed
        var table = Table(
            "beside",
            ["alone_p50_ms", "alone_p99_ms", "p50_ms", "p99_ms", "caught_up_s", "pages_read", "lost"],
            facts: ["streams": layout.streams[0], "others": layout.streams[1], "missed": missed])
        var figures: [String: [[Double]]] = [:]
        var names: [String] = []
        for _ in 0..<options.rounds {
            var rigs: [(String, any Rig)] = try Arena.rigs(options, layout).map { ($0.name, $0) }
            rigs.append(
                ("tidings, from the index", try TidingsRig(layout, settings: ["stream.tail_frames=16"])))
            names = rigs.map(\.0)
            for (name, rig) in rigs {
                figures[name, default: []].append(try measure(rig, layout, missed))
            }
        }
        for name in names { if let runs = figures[name] { table.add(name, runs: runs) } }
        table.print()
    }

    private func measure(_ rig: any Rig, _ layout: Layout, _ missed: Int) throws -> [Double] {
        let others = try Crowd(rig, [Crowd.Part(channel: 1, count: layout.streams[1])], isFirst: true)
        // As long as a storm takes.
        let live = Publishing(count: options.size(75, smoke: 4), rate: 50, first: 1, isFirst: true)
        let expected = live.expected(by: layout, stampsEach: 1)
        try others.reset()
        let before = try rig.publish(live)
        let alone = try others.receive(expected, within: 30)
        try before.finish()
        try StormBench.fallBehind(rig, by: missed)
        try others.reset()
        let meanwhile = try rig.publish(live)
        let returning = try Crowd(
            rig, [Crowd.Part(channel: 0, count: layout.streams[0])], burst: layout.streams[0])
        let caughtUp = try returning.receive(layout.streams[0] * missed, within: 60)
        let beside = try others.receive(expected, within: 30)
        try meanwhile.finish()
        let lost =
            layout.streams[0] * missed + 2 * expected - caughtUp.received - alone.received - beside.received
        return [
            alone.groups[0].p50, alone.groups[0].p99, beside.groups[0].p50, beside.groups[0].p99,
            caughtUp.sinceOpening,
            try (rig as? TidingsRig)?.metric("tidings_page_reads_total") ?? .nan, Double(lost),
        ]
    }
}
