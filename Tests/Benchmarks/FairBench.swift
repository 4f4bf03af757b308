// A small business beside a very large one: what its tills wait for a commit of its own while the large one
// is written to all the time.

import ArgumentParser

struct FairBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fair",
        abstract: "A commit in a business of 3 beside one of 9,000 under constant writes.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams of the large business.") var streams = 9_000
    @Option(help: "Its commits a second.") var rate = 8.0

    func run() throws {
        let layout = Layout([options.size(streams, smoke: 40), 3])
        var table = Table("fair", ["small_p50_ms", "small_p99_ms", "large_p50_ms", "large_p99_ms", "lost"])
        var runs: [[Double]] = []
        let rig = try TidingsRig(layout)
        // Two load generators: in one, the small business's events would wait for the large one's to be read.
        let crowds = try layout.streams.enumerated().map {
            try Crowd(rig, [Crowd.Part(channel: $0.offset, count: $0.element)])
        }
        for _ in 0..<options.rounds {
            for crowd in crowds { try crowd.reset() }
            let large = Publishing(count: options.size(48, smoke: 4), rate: options.smoke ? 20 : rate)
            let small = Publishing(
                count: options.size(240, smoke: 8), rate: 40, channels: 1, first: 1)
            let expected = [large.count * layout.streams[0], small.count * layout.streams[1]]
            let publishers = try [rig.publish(large), rig.publish(small)]
            let reports = try zip(crowds, expected).map { try $0.receive($1, within: 60) }
            for publisher in publishers { try publisher.finish() }
            let groups = reports.map { $0.groups[0] }
            runs.append([
                groups[1].p50, groups[1].p99, groups[0].p50, groups[0].p99,
                Double(expected.reduce(0, +) - reports.reduce(0) { $0 + $1.received }),
            ])
        }
        table.add("tidings", runs: runs)
        table.print()
    }
}
