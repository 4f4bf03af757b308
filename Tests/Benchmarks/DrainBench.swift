// A gateway that leaves: everybody is told when to return, spread over the window, and closed at the
// configured pace, while something is committed; the process ends with 0.

import ArgumentParser
import Foundation
import TidingsTesting

struct DrainBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "SIGTERM with many streams, under writes.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 10_000
    @Option(help: "drain.window, in seconds.") var window = 10
    @Option(help: "drain.closes_per_second.") var pace = 2_000

    func run() throws {
        let count = options.size(streams, smoke: 40)
        let layout = Layout(streams: count, channels: max(1, count / 100))
        var runs: [[Double]] = []
        for _ in 0..<options.rounds { runs.append(try measure(layout)) }
        var table = Table(
            "drain",
            [
                "lost", "ended_s", "exited_s", "most_in_a_second", "retry_least_s", "retry_middle_s",
                "retry_most_s",
            ], facts: ["streams": count, "window_s": window, "closes_per_second": pace])
        table.add("tidings", runs: runs)
        table.print()
    }

    private func measure(_ layout: Layout) throws -> [Double] {
        let rig = try TidingsRig(
            layout, settings: ["drain.window=\(window)s", "drain.closes_per_second=\(pace)"])
        let crowd = try Crowd(rig, layout)
        guard crowd.opening.ready == layout.total else {
            throw SocketFailure(description: "\(crowd.opening.ready) of \(layout.total) became ready")
        }
        let writing = try rig.publish(
            Publishing(count: 20 * window, rate: 20, channels: layout.streams.count))
        let begun = ContinuousClock.now
        let ending = try crowd.whenEnded(within: Double(window) + 30) { rig.terminate() }
        try rig.finished()
        let exited = (ContinuousClock.now - begun) / .seconds(1)
        try writing.finish()
        return [
            Double(2 * layout.total - ending.ended - ending.byes), ending.seconds, exited,
            Double(ending.mostInASecond), Double(ending.retryLeast) / 1e3, Double(ending.retryMiddle) / 1e3,
            Double(ending.retryMost) / 1e3,
        ]
    }
}
