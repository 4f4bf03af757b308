// A loop runs what is posted in order, rings alarms when they are due, and ends with an empty tray.

import Events
import Foundation
import Lanes
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct EventLoopTests {
    @Test func everyPostersWorkRunsInItsOrderOnTheLoopsThread() {
        let loop = EventLoop(name: "test")
        defer { loop.stop() }
        let log = Recorder<(poster: Int, number: Int)>()
        DispatchQueue.concurrentPerform(iterations: 4) { poster in
            for number in 0..<2_000 {
                loop.post {
                    precondition(loop.isCurrent)
                    log.record((poster, number))
                }
            }
        }
        #expect(waitFor(seconds: 30) { log.all.count == 8_000 ? true : nil } == true)
        for poster in 0..<4 {
            #expect(log.all.filter { $0.poster == poster }.map(\.number) == Array(0..<2_000))
        }
        #expect(!loop.isCurrent && loop.trayLength == 0)
    }

    @Test func alarmsRingInOrderAndCancelledOnesDoNot() {
        let loop = EventLoop(name: "test")
        defer { loop.stop() }
        let log = Recorder<String>()
        let start = ContinuousClock.now
        loop.post {
            _ = loop.after(.milliseconds(60)) { log.record("late") }
            _ = loop.after(.milliseconds(20)) { log.record("early") }
            _ = loop.after(.zero) { log.record("now") }
            let never = loop.after(.milliseconds(30)) { log.record("never") }
            never.cancel()
            never.cancel()
            // An alarm may be set by another one, and may cancel the next.
            let stopped = loop.after(.milliseconds(50)) { log.record("stopped") }
            _ = loop.after(.milliseconds(40)) {
                stopped.cancel()
                log.record("stops")
            }
        }
        #expect(waitFor(seconds: 30) { log.all.last == "late" ? true : nil } == true)
        #expect(log.all == ["now", "early", "stops", "late"])
        // libevent reads the kernel's coarse clock, which is a tick behind at most: 10 ms with the slowest.
        #expect(ContinuousClock.now - start >= .milliseconds(50), "rung too early")
    }

    @Test func anAlarmThatHasRungCanBeCancelled() {
        let loop = EventLoop(name: "test")
        defer { loop.stop() }
        let log = Recorder<Int>()
        loop.post {
            let alarm = loop.after(.zero) { log.record(1) }
            _ = loop.after(.milliseconds(20)) {
                alarm.cancel()
                log.record(2)
            }
        }
        #expect(waitFor(seconds: 30) { log.all == [1, 2] ? true : nil } == true)
    }

    @Test func aStoppedLoopFirstDoesWhatWasPosted() {
        let log = Recorder<Int>()
        weak var gone: EventLoop?
        do {
            let loop = EventLoop(name: "test")
            gone = loop
            for number in 0..<500 { loop.post { log.record(number) } }
            loop.stop()
        }
        #expect(waitFor(seconds: 30) { log.all.count == 500 && gone == nil ? true : nil } == true)
        #expect(log.all == Array(0..<500))
    }

    @Test func theLongestTurnIsMeasured() {
        let loop = EventLoop(name: "test")
        defer { loop.stop() }
        loop.post { usleep(30_000) }
        let longest = waitFor(seconds: 30) {
            let turn = loop.takeLongestTurn()
            return turn >= .milliseconds(30) ? turn : nil
        }
        #expect(longest != nil)
        #expect(loop.takeLongestTurn() < .milliseconds(30), "asked once, forgotten")
    }
}
