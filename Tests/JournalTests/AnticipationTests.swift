// When commits are looked for: learnt from those before, whatever the disk.

import Testing

@testable import Journal

@Suite struct AnticipationTests {
    private let poll = Duration.microseconds(200)

    /// Commits that can be seen so long after their announcement, one behind the other.
    ///
    /// - Returns: Looks at each, and how late it was found.
    private func watch(
        commits: Int, after delays: [Duration], _ anticipation: inout Anticipation
    ) -> [(looks: Int, late: Duration)] {
        (0..<commits).map { index in
            let delay = delays[index % delays.count]
            anticipation.announced()
            var time = anticipation.first
            for looks in 1... {
                let look = Anticipation.Look(isAnnounced: looks == 1, isSettled: true, isFound: time >= delay)
                guard let pause = anticipation.pause(after: look) else { return (looks, time - delay) }
                time += pause
            }
            return (0, .zero)
        }
    }

    @Test(arguments: [30, 110, 270, 340]) func theFirstLookMostlyFindsIt(microseconds: Int) {
        var anticipation = Anticipation(poll: poll, longest: .milliseconds(500))
        let delay = Duration.microseconds(microseconds)
        let found = watch(commits: 1_000, after: [delay], &anticipation).suffix(500)
        #expect(found.reduce(0) { $0 + $1.looks } < 750)
        #expect(found.allSatisfy { $0.late <= max(poll, delay / 10) }, "and soon")
    }

    /// A disk that was slow for a while does not make those wait that follow.
    @Test func aSlowCommitDelaysNoOther() {
        var anticipation = Anticipation(poll: poll, longest: .milliseconds(500))
        _ = watch(commits: 100, after: [.milliseconds(300)], &anticipation)
        let found = watch(commits: 200, after: [.microseconds(50)], &anticipation)
        #expect(found.allSatisfy { $0.late <= poll * 2 })
        #expect(found.suffix(100).allSatisfy { $0.late <= poll })
    }

    /// Nothing is concluded while somebody is writing: what is found may be the commit before.
    @Test func whatIsFoundAmidWritingIsNotEnough() {
        var anticipation = Anticipation(poll: poll, longest: .milliseconds(500))
        anticipation.announced()
        #expect(anticipation.pause(after: .init(isAnnounced: true, isSettled: false, isFound: true)) == poll)
        #expect(
            anticipation.pause(after: .init(isAnnounced: false, isSettled: false, isFound: false))
                == poll * 3 / 2)
        #expect(anticipation.pause(after: .init(isAnnounced: false, isSettled: false, isFound: true)) == nil)
        #expect(anticipation.pause(after: .init(isAnnounced: false, isSettled: true, isFound: true)) == nil)
    }
}
