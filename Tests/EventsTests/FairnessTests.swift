// Work on a loop that posts more work, for ever, keeps neither timers nor sockets waiting.

import Events
import Lanes
import Synchronization
import TestThreads
import Testing

@Suite(.waits) struct FairnessTests {
    /// Work that posts itself until it is told to stop. Lives on its loop.
    private final class Chain {
        var isOver = false
        var turns = 0
    }

    @Test func postedWorkDoesNotStarveTimers() async throws {
        let loop = EventLoop(name: "fair")
        let turns = Atomic<Int>(-1)
        let chain = Confined(on: loop) { Chain() }
        @Sendable func turn() {
            chain.post { chain in
                chain.turns += 1
                if !chain.isOver { turn() }
            }
        }
        turn()
        chain.post { chain in
            _ = loop.after(.milliseconds(20)) {
                chain.isOver = true
                turns.store(chain.turns, ordering: .relaxed)
            }
        }
        let end = ContinuousClock.now + .seconds(30)
        while turns.load(ordering: .relaxed) < 0, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(turns.load(ordering: .relaxed) > 0, "the timer never came")
        loop.stop()
    }
}
