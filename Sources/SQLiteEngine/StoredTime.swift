// Moments as databases write them: `2026-01-03 10:00:00`, `2026-01-03T10:00:00.123Z`, `…+02:00`; or numbers:
// seconds, milliseconds or microseconds since 1970, a Julian day.

import Domain

/// Reads moments.
enum StoredTime {
    /// Whether this is `2026-01-03T10:00:00.000000Z` already, and can be copied.
    static func isWireForm(_ text: Span<UInt8>) -> Bool {
        text.count == 27 && text[4] == 0x2D && text[7] == 0x2D && text[10] == 0x54 && text[13] == 0x3A
            && text[16] == 0x3A && text[19] == 0x2E && text[26] == 0x5A
    }

    /// A text without a zone is read as if it were UTC, and says so.
    struct Parsed {
        let time: Timestamp
        let hasZone: Bool
    }

    /// A number by its size: a Julian day lies between 1 and 5 million (seconds would be early 1970),
    /// seconds below 10¹¹ (the year 5138), milliseconds below 10¹⁴.
    static func moment(_ number: Double) -> Timestamp? {
        guard number.isFinite, abs(number) < 9e18 else { return nil }
        let microseconds: Double =
            switch abs(number) {
            case 1_000_000..<5_000_000 where number > 0 && number != number.rounded(.towardZero):
                ((number - 2_440_587.5) * 86_400_000).rounded() * 1_000
            case ..<1e11: number * 1_000_000
            case ..<1e14: number * 1_000
            default: number
            }
        return Timestamp(microseconds: Int64(microseconds.rounded()))
    }

    /// Nil for anything that is not a moment.
    static func parse(_ text: Span<UInt8>) -> Parsed? {
        func plain(_ microseconds: Int64) -> Parsed {
            Parsed(time: Timestamp(microseconds: microseconds), hasZone: false)
        }
        func digits(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= text.count else { return nil }
            var value: Int64 = 0
            for index in from..<(from + count) {
                guard (0x30...0x39).contains(text[index]) else { return nil }
                value = value * 10 + Int64(text[index] - 0x30)
            }
            return value
        }
        guard text.count >= 10, text[4] == 0x2D, text[7] == 0x2D, let year = digits(0, 4),
            let month = digits(5, 2),
            let day = digits(8, 2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var microseconds = Timestamp.days(year: year, month: month, day: day) * 86_400_000_000
        if text.count == 10 { return plain(microseconds) }
        guard text.count >= 19, text[10] == 0x54 || text[10] == 0x20, text[13] == 0x3A, text[16] == 0x3A,
            let hour = digits(11, 2), let minute = digits(14, 2), let second = digits(17, 2), hour < 24,
            minute < 60,
            second <= 60
        else { return nil }
        microseconds += (hour * 3_600 + minute * 60 + second) * 1_000_000
        var index = 19
        if index < text.count, text[index] == 0x2E {
            index += 1
            var scale: Int64 = 100_000
            while index < text.count, (0x30...0x39).contains(text[index]) {
                microseconds += Int64(text[index] - 0x30) * scale
                scale /= 10
                index += 1
            }
        }
        if index == text.count { return plain(microseconds) }
        if text[index] == 0x5A {
            guard index + 1 == text.count else { return nil }
            return Parsed(time: Timestamp(microseconds: microseconds), hasZone: true)
        }
        guard text[index] == 0x2B || text[index] == 0x2D, index + 6 == text.count, text[index + 3] == 0x3A,
            let offsetHours = digits(index + 1, 2), let offsetMinutes = digits(index + 4, 2)
        else { return nil }
        let offset = (offsetHours * 60 + offsetMinutes) * 60_000_000
        let moment = text[index] == 0x2B ? microseconds - offset : microseconds + offset
        return Parsed(time: Timestamp(microseconds: moment), hasZone: true)
    }
}
