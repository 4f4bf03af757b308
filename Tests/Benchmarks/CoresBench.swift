// Deliveries on two loops against one, on cores that nobody else wants: whoever receives stands still
// meanwhile, and its kernel takes in for it.

import ArgumentParser
import Glibc
import TidingsTesting

struct CoresBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cores", abstract: "One business's fan-out on one loop, and on two.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 18_000
    @Option(help: "Commits, half a second apart.") var commits = 15

    func run() throws {
        let layout = Layout(streams: options.size(streams, smoke: 40), channels: 1)
        let publishing = Publishing(count: options.size(commits, smoke: 2), rate: 2)
        var table = Table(
            "cores", ["sweep_ms", "deliveries_per_s", "to_one_loop", "cpu_s_per_million", "lost"],
            facts: ["streams": layout.total, "commits": publishing.count])
        var oneLoop = Double.nan
        for loops in [1, 2] {
            let found = try measure(layout, publishing, loops)
            let rate = Double(layout.total) / found.sweep
            if loops == 1 { oneLoop = rate }
            table.add(
                "tidings, loops: \(loops)",
                [found.sweep * 1e3, rate, rate / oneLoop, found.cpuPerMillion, Double(found.lost)])
        }
        table.print()
    }

    private func measure(
        _ layout: Layout, _ publishing: Publishing, _ loops: Int
    ) throws -> (sweep: Double, cpuPerMillion: Double, lost: Int) {
        let rig = try TidingsRig(layout, loops: loops, isPinned: false)
        let crowd = try Crowd(rig, layout)
        try crowd.reset()
        // What opening leaves to do is done: tokens' use is written down within the second.
        usleep(options.smoke ? 100_000 : 3_000_000)
        crowd.pause()
        let before = rig.loopSeconds
        let publisher = try rig.publish(publishing)
        let sweeps = Self.sweeps(of: rig, seconds: Double(publishing.count) / publishing.rate + 1)
        try publisher.finish()
        let used = rig.loopSeconds - before
        crowd.resume()
        let expected = publishing.expected(by: layout, stampsEach: 1)
        let received = try crowd.receive(expected, within: 60).received
        return (
            Summary(sweeps).percentile(0.5), used / Double(expected) * 1e6, expected - received
        )
    }

    /// How long its loops were busy at a stretch, each time; seconds. A tenth of a second's rest ends one.
    private static func sweeps(of rig: TidingsRig, seconds: Double) -> [Double] {
        var sweeps: [Double] = []
        var (began, ended) = (0.0, 0.0)
        var used = rig.loopSeconds
        let end = now() + seconds
        while now() < end {
            usleep(2_000)
            let (time, total) = (now(), rig.loopSeconds)
            if total > used {
                if time - ended > 0.1 {
                    sweeps.append(ended - began)
                    began = time
                }
                ended = time
            }
            used = total
        }
        // A loop's own clock ticks each second: no sweep is that short.
        return (sweeps + [ended - began]).filter { $0 > 0.003 }
    }

    private static func now() -> Double {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
