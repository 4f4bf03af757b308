// What a scrape costs with many streams open: of the loops' time, which tills wait for, and in all.

import ArgumentParser
import Foundation
import Glibc
import TidingsTesting

struct ScrapeBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrape", abstract: "GET /metrics with many streams open.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 15_000
    @Option(help: "Scrapes.") var scrapes = 100

    func run() throws {
        let count = options.size(streams, smoke: 40)
        let layout = Layout(streams: count, channels: options.size(100, smoke: 4))
        let rig = try TidingsRig(layout)
        let crowd = try Crowd(rig, layout)
        // What opening leaves to do is done: tokens' use is written down within the second.
        usleep(options.smoke ? 100_000 : 5_000_000)
        var table = Table(
            "scrape", ["loop_ms", "longest_turn_ms", "cpu_ms", "bytes", "not_ready"],
            facts: ["streams": count, "scrapes": scrapes])
        for path in ["/metrics", "/metrics/businesses"] {
            table.add(
                "tidings \(path)",
                try measure(rig, path) + [Double(layout.total - crowd.opening.ready)])
        }
        table.print()
    }

    private func measure(_ rig: TidingsRig, _ path: String) throws -> [Double] {
        let count = options.size(scrapes, smoke: 3)
        // The first writes nothing but its own turn into the next one's longest.
        var page = try rig.scrape(path)
        let (cpu, loops) = (rig.usage.cpuSeconds, rig.loopSeconds)
        var longest = 0.0
        for _ in 0..<count {
            page = try rig.scrape(path)
            longest = max(longest, try rig.metric("tidings_loop_longest_turn_seconds"))
        }
        // The scrape that asks for the longest turn is one, too.
        let each = Double(count * 2)
        return [
            (rig.loopSeconds - loops) / each * 1e3, longest * 1e3, (rig.usage.cpuSeconds - cpu) / each * 1e3,
            Double(page.count),
        ]
    }
}
