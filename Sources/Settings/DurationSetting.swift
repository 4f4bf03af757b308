// Durations with their unit: 500us, 0.5ms, 15s, 2m, 1h, 30d. Read exactly, in nanoseconds, never through
// floating point: what is printed reads back as the same value.

extension Duration: SettingValue {
    public static var expectation: String { "a duration with its unit, such as 0.5ms, 15s, 2m, 1h or 30d" }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// A number, with up to five fraction digits, and its unit; a bare `0` is accepted, nothing else bare is.
    public init?(settingText text: String) {
        if text == "0" {
            self = .zero
            return
        }
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unitName = text.dropFirst(number.count)
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let unit = Self.units.first(where: { $0.name == unitName }),
            (1...2).contains(parts.count), let whole = Int64(parts[0])
        else { return nil }
        let (scaled, isTooLarge) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
        guard !isTooLarge, scaled < Int64.max / 2 else { return nil }
        var fraction: Int64 = 0
        if parts.count == 2 {
            guard let nanoseconds = Self.fraction(parts[1], of: unit.nanoseconds) else { return nil }
            fraction = nanoseconds
        }
        self = .nanoseconds(scaled + fraction)
    }

    /// Nil when the digits are none, too many, or do not come out in whole nanoseconds.
    private static func fraction(_ digits: Substring, of unit: Int64) -> Int64? {
        guard (1...5).contains(digits.count), let value = Int64(digits) else { return nil }
        var scale: Int64 = 1
        for _ in digits { scale *= 10 }
        let (product, isTooLarge) = value.multipliedReportingOverflow(by: unit)
        return isTooLarge || product % scale != 0 ? nil : product / scale
    }

    /// In the largest unit that leaves a whole number.
    public var settingText: String {
        let nanoseconds = components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
        guard nanoseconds != 0 else { return "0s" }
        for unit in Self.units.reversed() where nanoseconds % unit.nanoseconds == 0 {
            return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
        }
        return "\(nanoseconds / 1_000).\(String(1_000 + nanoseconds % 1_000).dropFirst())us"
    }
}
