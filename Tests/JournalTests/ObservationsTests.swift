// A time becomes a position: the last one known to be committed before it, never a later one.

import Domain
import Journal
import Testing

@Suite struct ObservationsTests {
    private func head(_ seq: Int64, epoch: UInt64 = 1) -> Head {
        Head(epoch: Epoch(epoch), seq: Seq(seq), nonce: .none)
    }
    private func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

    @Test func theLastOneBeforeATimeCounts() {
        let seen = Observations()
        #expect(seen.head(at: time(5)) == nil)
        seen.record(head(10), at: time(10))
        seen.record(head(20), at: time(20))
        #expect(seen.head(at: time(9)) == nil, "before all: nobody knows")
        #expect(seen.head(at: time(10))?.seq == Seq(10))
        #expect(seen.head(at: time(19))?.seq == Seq(10))
        #expect(seen.head(at: time(99))?.seq == Seq(20))
        #expect(seen.time(coveredBy: Seq(9)) == nil)
        #expect(seen.time(coveredBy: Seq(19)) == time(10))
        #expect(seen.time(coveredBy: Seq(20)) == time(20))
    }

    /// A time of the clock's second pass may have been handed out in the first, when less was committed.
    @Test func aClockThatIsSetBackIsWaitedFor() {
        let seen = Observations()
        seen.record(head(10), at: time(10))
        seen.record(head(20), at: time(20))
        seen.record(head(30), at: time(12))
        #expect(seen.head(at: time(15))?.seq == Seq(10))
        seen.record(head(40), at: time(21))
        #expect(seen.head(at: time(21))?.seq == Seq(40))
    }

    @Test func anotherHistoryBeginsAnew() {
        let seen = Observations()
        seen.record(head(10), at: time(10))
        seen.record(head(3, epoch: 2), at: time(20))
        #expect(seen.head(at: time(15)) == nil)
        #expect(seen.head(at: time(20))?.epoch == Epoch(2))
    }

    @Test func manyAreThinnedAndStayInOrder() {
        let seen = Observations()
        for second in 1...50_000 as ClosedRange<Int64> { seen.record(head(second), at: time(second)) }
        for second in stride(from: 100 as Int64, through: 50_000, by: 997) {
            let found = seen.head(at: time(second))?.seq.rawValue ?? 0
            #expect(found <= second && found > second - 100, "\(second): \(found)")
        }
        #expect(seen.head(at: time(50_000))?.seq == Seq(50_000))
    }

    @Test func whatGrewIsWrittenDownOnce() {
        let seen = Observations(countMax: 6)
        #expect(seen.takeGrowth() == nil)
        let all = (1...7 as ClosedRange<Int64>).map { Observation(time: time($0), head: head($0)) }
        func record(_ some: ArraySlice<Observation>) {
            for one in some { seen.record(one.head, at: one.time) }
        }
        record(all[..<2])
        #expect(seen.takeGrowth() == .appended(Array(all[..<2])))
        #expect(seen.takeGrowth() == nil)
        record(all[2..<4])
        #expect(seen.takeGrowth() == .appended(Array(all[2..<4])))
        seen.writingFailed()
        #expect(seen.takeGrowth() == .replaced(Array(all[..<4])))
        record(all[4...])
        #expect(seen.takeGrowth() == .replaced([all[0], all[2], all[3], all[4], all[5], all[6]]), "thinned")
        let again = Observations()
        again.resume(all)
        #expect(again.takeGrowth() == nil)
        #expect(again.head(at: time(3))?.seq == Seq(3))
        again.record(head(1, epoch: 2), at: time(9))
        #expect(again.takeGrowth() == .replaced([Observation(time: time(9), head: head(1, epoch: 2))]))
    }
}
