// Dates of HTTP, RFC 9110 § 5.6.7: written in one form, read in three.

public import Domain

public enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`.
    public static func text(_ time: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let iso = Array(time.description.utf8)
        func part(_ range: Range<Int>) -> String { String(decoding: iso[range], as: UTF8.self) }
        let weekday = days[Int(((time.microseconds / 86_400_000_000) % 7 + 7) % 7)]
        let month = months[max(0, min(11, (Int(part(5..<7)) ?? 1) - 1))]
        return "\(weekday), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) GMT"
    }

    /// Reads IMF-fixdate, RFC 850's form and asctime's. The weekday is not checked. Nil for anything else.
    public static func parse(_ text: String) -> Timestamp? {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        switch words.count {
        case 6 where words[5] == "GMT": return date(words[1], words[2], words[3], words[4])
        case 5: return date(words[2], words[1], words[4], words[3])
        default: return nil
        }
    }

    private static func date(_ day: String, _ month: String, _ year: String, _ time: String) -> Timestamp? {
        guard let number = months.firstIndex(of: month), time.utf8.count == 8, let yearValue = Int(year),
            [2, 4].contains(year.utf8.count)
        else { return nil }
        // Two digits: RFC 850's form is not written any more, so a century is a guess that harms nobody.
        let whole = year.utf8.count == 4 ? yearValue : yearValue + (yearValue < 70 ? 2_000 : 1_900)
        func two(_ text: String) -> String { text.utf8.count == 1 ? "0" + text : text }
        return Timestamp(rfc3339: "\(whole)-\(two(String(number + 1)))-\(two(day))T\(time)Z")
    }
}
