// A lane runs what is posted, in order, on one thread, and a confined value never leaves it.

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

    @Test func touchingAConfinedValueElsewhereTraps() async {
        await #expect(processExitsWith: .failure) {
            let lane = WorkerLane(name: "test")
            let confined = Confined([1], to: lane)
            confined.with { _ = $0.count }
        }
    }
}
