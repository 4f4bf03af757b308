// Moments as clients write them: RFC 3339, or `YYYY-MM-DD HH:MM:SS` for UTC.

extension Timestamp {
    /// Reads `2026-01-03T10:00:00Z`, with up to nine digits of a fraction, with an offset (whose `+` a form
    /// decoder may have turned into a space), or `2026-01-03 10:00:00`, which is UTC. Digits beyond the sixth
    /// are cut off. A space may have come as `+`. Nil for anything else.
    public init?(rfc3339 text: String) {
        var scanner = Scanner(text)
        guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2),
            scanner.take("-"),
            let day = scanner.digits(2), (1...12).contains(month),
            (1...Self.days(in: month, of: year)).contains(day)
        else { return nil }
        let isSpaced = scanner.take(" ") || scanner.take("+")
        guard isSpaced || scanner.take("T") || scanner.take("t"), let hour = scanner.digits(2),
            scanner.take(":"), let minute = scanner.digits(2), scanner.take(":"),
            let second = scanner.digits(2), hour < 24, minute < 60, second <= 60
        else { return nil }
        var value = Self.days(year: year, month: month, day: day) * 86_400_000_000
        value += (hour * 3_600 + minute * 60 + second) * 1_000_000
        if isSpaced, scanner.isAtEnd {
            self.init(microseconds: value)
            return
        }
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            value += fraction
        }
        if !scanner.take("Z"), !scanner.take("z") {
            let isWest = scanner.take("-")
            guard isWest || scanner.take("+") || scanner.take(" "), let hours = scanner.digits(2),
                scanner.take(":"), let minutes = scanner.digits(2), hours < 24, minutes < 60
            else { return nil }
            let offset = (hours * 60 + minutes) * 60_000_000
            value += isWest ? offset : -offset
        }
        guard scanner.isAtEnd else { return nil }
        self.init(microseconds: value)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        month == 12 ? 31 : days(year: year, month: month + 1, day: 1) - days(year: year, month: month, day: 1)
    }
}

/// Takes a text apart from the front.
private struct Scanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == mark.value else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Exactly so many digits.
    mutating func digits(_ count: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// One to nine digits, as microseconds.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while count < 9, let digit = digit() {
            if count < 6 { value = value * 10 + digit }
            count += 1
        }
        guard count > 0 else { return nil }
        for _ in stride(from: count, to: 6, by: 1) { value *= 10 }
        return value
    }

    private mutating func digit() -> Int64? {
        guard let first = rest.first, (0x30...0x39).contains(first) else { return nil }
        rest = rest.dropFirst()
        return Int64(first - 0x30)
    }
}
