// Times as databases hold them, and as clients get them.

import Domain
import Foundation
import Testing

@testable import SQLiteEngine

@Suite struct StoredTimeTests {
    private func wire(_ text: String, zone: String? = nil) -> String? {
        guard let parsed = StoredTime.parse(Array(text.utf8).span) else { return nil }
        guard !parsed.hasZone, let local = LocalTime(zone) else { return parsed.time.description }
        return local.moment(parsed.time).description
    }

    @Test(arguments: [
        ("2026-01-03 10:00:00", nil, "2026-01-03T10:00:00.000000Z"),
        ("2026-01-03 10:00:00", "Asia/Dhaka", "2026-01-03T04:00:00.000000Z"),
        ("2026-01-03T10:00:00Z", "Asia/Dhaka", "2026-01-03T10:00:00.000000Z"),
        ("2026-01-03T10:00:00.25+02:00", "Asia/Dhaka", "2026-01-03T08:00:00.250000Z"),
        ("2026-07-01 12:00:00", "Europe/Berlin", "2026-07-01T10:00:00.000000Z"),
        ("2026-01-01 12:00:00.5", "Europe/Berlin", "2026-01-01T11:00:00.500000Z"),
        // Summer time ends on 25 October 2026 at 3:00, which becomes 2:00: the first pass counts.
        ("2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T00:30:00.000000Z"),
        ("2026-10-25 03:00:00", "Europe/Berlin", "2026-10-25T02:00:00.000000Z"),
        ("2026-10-25 01:59:59", "Europe/Berlin", "2026-10-24T23:59:59.000000Z"),
        // And begins on 29 March at 2:00, which becomes 3:00.
        ("2026-03-29 01:59:59", "Europe/Berlin", "2026-03-29T00:59:59.000000Z"),
        ("2026-03-29 03:00:00", "Europe/Berlin", "2026-03-29T01:00:00.000000Z"),
        ("1965-06-01 00:00:00", "America/New_York", "1965-06-01T04:00:00.000000Z"),
        ("2026-01-03", "Asia/Kathmandu", "2026-01-02T18:15:00.000000Z"),
    ])
    func textsAreMoments(_ text: String, _ zone: String?, _ expected: String) {
        #expect(wire(text, zone: zone) == expected)
    }

    @Test(arguments: [
        (1_767_434_400.0, "2026-01-03T10:00:00.000000Z"),
        (1_767_434_400_250.0, "2026-01-03T10:00:00.250000Z"),
        (1_767_434_400_250_000.0, "2026-01-03T10:00:00.250000Z"),
        (2_461_043.9166666665, "2026-01-03T10:00:00.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"), (-86_400, "1969-12-31T00:00:00.000000Z"),
    ])
    func numbersAreMomentsByTheirSize(_ number: Double, _ expected: String) {
        #expect(StoredTime.moment(number)?.description == expected)
    }

    @Test(arguments: ["", "soon", "2026-13-01", "2026-01-03 25:00:00", "2026-01-03 10:00:00+2", "10:00:00"])
    func whatIsNoMomentIsNone(_ text: String) { #expect(wire(text) == nil) }

    @Test func aZoneNobodyKnowsIsNone() { #expect(LocalTime("Mars/Olympus") == nil && LocalTime(nil) == nil) }
}
