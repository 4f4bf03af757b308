// What may go, decided from positions, ages and what devices have stored.

import Domain
import Journal
import Testing

@Suite struct RetentionTests {
    private let rules = RetentionRules(
        journalAge: .seconds(7), journalRows: 50, tombstones: .seconds(30), maxOffline: .seconds(180))

    private func head(_ seq: Int64, epoch: UInt64 = 1) -> Head {
        Head(epoch: Epoch(epoch), seq: Seq(seq), nonce: .none)
    }

    /// One row a second: at second n the head is n.
    private func limits(
        at second: Int64, served: Int64? = nil, epoch: UInt64 = 1, holds: [BusinessID: Seq] = [:]
    ) -> RetentionLimits {
        let ages = Observations()
        for time in 1...max(1, second) { ages.record(head(time), at: Timestamp(milliseconds: time * 1_000)) }
        return RetentionLimits(
            rules, served: head(served ?? second, epoch: epoch), now: Timestamp(milliseconds: second * 1_000),
            ages: ages, holds: holds)
    }

    @Test func theJournalGoesByAge() {
        #expect(limits(at: 20).journal == Seq(13))
        #expect(limits(at: 5).journal == .zero)
    }

    @Test func theJournalGoesByRows() {
        #expect(limits(at: 3, served: 90).journal == Seq(40))
    }

    @Test func theServedRowStaysWhateverItsAge() {
        #expect(limits(at: 60, served: 10).journal == Seq(9))
        #expect(limits(at: 60, served: 0).journal == .zero)
    }

    @Test func anotherHistoryIsYoung() {
        #expect(limits(at: 60, served: 40, epoch: 2).journal == .zero)
        #expect(limits(at: 60, served: 40, epoch: 2).tombstones == .zero)
    }

    @Test func tombstonesWaitForAgeAndForEveryDevice() {
        let (one, two) = (BusinessID(1), BusinessID(2))
        let some = limits(at: 100, holds: [one: Seq(12)])
        #expect(some.tombstones == Seq(70))
        #expect(some.tombstones(of: one) == Seq(12), "a device has stored no more")
        #expect(some.tombstones(of: two) == Seq(70), "no device, no hold")
        #expect(
            limits(at: 100, holds: [one: Seq(99)]).tombstones(of: one) == Seq(70), "stored, but too young")
        #expect(limits(at: 29, holds: [one: Seq(29)]).tombstones(of: one) == .zero)
    }
}
