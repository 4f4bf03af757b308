// Rate limits without I/O: when a window begins and ends, what is counted, and how much memory it takes.

import Domain
import Testing

@testable import HTTP

@Suite struct RateWindowTests {
    private let limit = RateLimit(requests: 3, seconds: 60)
    private func at(_ second: Double) -> Timestamp {
        Timestamp(microseconds: Int64((1_767_434_400 + second) * 1_000_000))
    }

    @Test func aWindowBeginsWithTheFirstRequestAndEndsWhole() {
        var table = RateTable(limit, keysMax: 100)
        // In the middle of a minute: nothing is aligned to the clock.
        #expect(table.hit(1, at: at(31)).remaining == 2)
        #expect(table.hit(1, at: at(50)).remaining == 1)
        let last = table.hit(1, at: at(90))
        #expect(last.remaining == 0 && last.isAllowed)
        let refused = table.hit(1, at: at(90.9))
        #expect(!refused.isAllowed && refused.remaining == 0)
        #expect(refused.resetSecond == 1_767_434_400 + 91)
        #expect(refused.refusal(at: at(90.9)).fields.contains { $0 == ("Retry-After", "1") })
        // Refusals are not counted, so the next window is whole.
        #expect(table.hit(1, at: at(91)).remaining == 2)
        #expect(table.hit(1, at: at(91)).resetSecond == 1_767_434_400 + 151)
    }

    @Test func keysAreApart() {
        var table = RateTable(limit, keysMax: 100)
        for _ in 0..<10 { _ = table.hit(1, at: at(0)) }
        #expect(table.hit(2, at: at(0)).remaining == 2)
    }

    @Test func aClockSetBackLocksNobodyOut() {
        var table = RateTable(limit, keysMax: 100)
        for _ in 0..<5 { _ = table.hit(1, at: at(10_000)) }
        #expect(table.hit(1, at: at(0)).isAllowed)
    }

    /// A window outlives the generation it began in.
    @Test func noWindowIsForgottenWhileThereIsRoom() {
        for beginning in stride(from: 0.0, to: 60, by: 7) {
            var table = RateTable(limit, keysMax: 1_000)
            _ = table.hit(0, at: at(0))
            for _ in 0..<3 { _ = table.hit(1, at: at(beginning)) }
            for second in stride(from: beginning, to: beginning + 59, by: 1) {
                _ = table.hit(2, at: at(second))
                #expect(!table.hit(1, at: at(second)).isAllowed, "\(beginning) \(second)")
            }
            #expect(table.hit(1, at: at(beginning + 60)).isAllowed)
            #expect(table.forgottenCount == 0)
        }
    }

    @Test func aMillionKeysTakeBoundedMemory() {
        var table = RateTable(limit, keysMax: 10_000)
        var most = 0
        for key in 0..<1_000_000 {
            _ = table.hit(key, at: at(Double(key) / 1_000))
            most = max(most, table.count)
        }
        #expect(most <= 20_000)
        #expect(table.forgottenCount > 900_000, "and what it cost is counted")
        // 24 bytes a key and the dictionary's slack, whatever came.
        #expect(MemoryLayout<RateWindow>.size == 8)
        // And when they have gone, so has the memory.
        _ = table.hit(1, at: at(2_000))
        _ = table.hit(1, at: at(2_100))
        #expect(table.count == 1)
    }
}
