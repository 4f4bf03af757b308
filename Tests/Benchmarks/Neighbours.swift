// Two businesses of one gateway, written at the same time: what the small one waits because of the large one.

/// A large and a small business, with the streams of each. Lives on the main thread.
final class Neighbours {
    private let layout: Layout
    private let rig: TidingsRig
    private let crowds: [Crowd]

    /// Two load generators: in one, the small business's events would wait for the large one's to be read.
    /// The small one's is served first: on one core it would wait for the other, not for the gateway.
    init(large: Int, small: Int, rowsEach: Int? = nil) throws {
        layout = Layout([large, small])
        let rig = try TidingsRig(layout, rowsEach: rowsEach)
        self.rig = rig
        crowds = try layout.streams.enumerated().map {
            try Crowd(
                rig, [Crowd.Part(channel: $0.offset, count: $0.element)], isFirst: $0.offset == 1)
        }
    }

    /// Publishes to both, and waits for everything to arrive.
    func measure(
        large: Publishing, small: Publishing
    ) throws -> (
        large: Crowd.Report.Group, small: Crowd.Report.Group, smallCommits: CommitTimes, lost: Int
    ) {
        for crowd in crowds { try crowd.reset() }
        var small = small
        small.first = 1
        small.isFirst = true
        let expected = zip([large, small], layout.streams).map { $0.count * $0.bulk * $1 }
        let publishers = try [large, small].map(rig.publish)
        let reports = try zip(crowds, expected).map { try $0.receive($1, within: 60) }
        let smallCommits = try publishers[1].commitTimes()
        for publisher in publishers { try publisher.finish() }
        return (
            reports[0].groups[0], reports[1].groups[0], smallCommits,
            expected.reduce(0, +) - reports.reduce(0) { $0 + $1.received }
        )
    }
}
