// A moment in UTC as the wire writes it: 2026-01-03T10:00:00.000000Z. Days-from-civil after Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms"; Foundation's formatters cost a hundred times as much.

/// Microseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(milliseconds: Int64) { microseconds = milliseconds * 1_000 }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, 27 characters for the years 0…9999.
    public var description: String { String(decoding: utf8, as: UTF8.self) }

    /// The 27 ASCII bytes of the description.
    public var utf8: [UInt8] {
        let day = microseconds.flooredDivision(by: 86_400_000_000)
        var rest = microseconds - day * 86_400_000_000
        let (year, month, date) = Self.civil(fromDays: day)
        var out = Self.template
        func put(_ value: Int64, at index: Int, digits: Int) {
            var value = value
            for place in stride(from: index + digits - 1, through: index, by: -1) {
                out[place] = 0x30 + UInt8(value % 10)
                value /= 10
            }
        }
        put(max(0, min(9_999, year)), at: 0, digits: 4)
        put(month, at: 5, digits: 2)
        put(date, at: 8, digits: 2)
        put(rest / 3_600_000_000, at: 11, digits: 2)
        rest %= 3_600_000_000
        put(rest / 60_000_000, at: 14, digits: 2)
        rest %= 60_000_000
        put(rest / 1_000_000, at: 17, digits: 2)
        put(rest % 1_000_000, at: 20, digits: 6)
        return out
    }

    private static let template = Array("0000-00-00T00:00:00.000000Z".utf8)

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    public static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = y.flooredDivision(by: 400)
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = days + 719_468
        let era = z.flooredDivision(by: 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
