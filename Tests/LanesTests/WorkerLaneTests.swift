// A lane runs what is posted, in order, on one thread, and a confined value never leaves it.

import Foundation
import Lanes
import Testing
import TidingsTesting

@Suite struct WorkerLaneTests {
    @Test func workRunsInOrderOnOneThread() async {
        let lane = WorkerLane(name: "test")
        let log = Recorder<Int>()
        await withCheckedContinuation { done in
            for number in 0..<1_000 {
                lane.post {
                    precondition(lane.isCurrent)
                    log.record(number)
                }
            }
            lane.post { done.resume() }
        }
        #expect(log.all == Array(0..<1_000))
        #expect(!lane.isCurrent)
        lane.stop()
    }

    @Test func alarmsRingInOrderAndCancelledOnesDoNot() async {
        let lane = WorkerLane(name: "test")
        let log = Recorder<String>()
        await withCheckedContinuation { done in
            lane.post {
                _ = lane.after(.milliseconds(20)) {
                    log.record("late")
                    done.resume()
                }
                _ = lane.after(.milliseconds(5)) { log.record("early") }
                lane.after(.milliseconds(10)) { log.record("never") }.cancel()
            }
        }
        #expect(log.all == ["early", "late"])
        lane.stop()
    }

    @Test func aPromptLaneAsksForShortTurns() async throws {
        let turns = await Self.turnLength(of: WorkerLane(name: "prompt", isPrompt: true))
        let others = await Self.turnLength(of: WorkerLane(name: "other"))
        // Linux before 6.12 grants everyone the same, and shows nothing.
        guard let turns, let others, others > 100_000 else { return }
        #expect(turns == 100_000)
    }

    /// Nanoseconds, as the kernel tells of the lane's thread.
    private static func turnLength(of lane: WorkerLane) async -> Int? {
        await withCheckedContinuation { done in
            lane.post {
                let text = try? String(contentsOfFile: "/proc/thread-self/sched", encoding: .utf8)
                let line = text?.split(separator: "\n").first { $0.hasPrefix("se.slice ") }
                done.resume(returning: line?.split(separator: " ").last.flatMap { Int($0) })
                lane.stop()
            }
        }
    }

    @Test func touchingAConfinedValueElsewhereTraps() async {
        await #expect(processExitsWith: .failure) {
            let lane = WorkerLane(name: "test")
            let confined = Confined([1], to: lane)
            confined.with { _ = $0.count }
        }
    }
}
