// The wire's one way to write a moment, and JSON strings that never break a line.

import Domain
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000000Z"),
        (1_767_434_400_000_000, "2026-01-03T10:00:00.000000Z"),
        (951_827_696_123_456, "2000-02-29T12:34:56.123456Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ])
    func isWrittenInMicroseconds(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
    }

    @Test func daysCountFromTheEpoch() {
        #expect(Timestamp.days(year: 1970, month: 1, day: 1) == 0)
        #expect(Timestamp.days(year: 2026, month: 1, day: 3) == 1_767_434_400 / 86_400)
    }
}

@Suite struct JSONWriterTests {
    @Test(arguments: [
        ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#), ("\r\n\t\u{0}\u{1F}", #""\r\n\t\u0000\u001f""#),
        ("é€😀", #""é€😀""#), ("\u{2028}\u{2029}\u{85}", #""\u2028\u2029\u0085""#),
        ("\u{FEFF}x\ndata: y", "\"\u{FEFF}x\\ndata: y\""),
    ])
    func stringsAreEscaped(_ text: String, _ json: String) {
        var writer = JSONWriter()
        writer.string(text)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == json)
    }

    @Test(arguments: [
        [UInt8(0xFF)], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80],
    ])
    func illFormedTextIsReplacedAndCounted(_ bytes: [UInt8]) throws {
        var writer = JSONWriter()
        writer.string(bytes.span)
        #expect(writer.replacements > 0)
        #expect(String(validating: writer.bytes, as: UTF8.self) != nil)
    }

    @Test func numbersStayExactInJavaScript() {
        var writer = JSONWriter()
        writer.safeInteger(1 << 53 - 1)
        writer.byte(0x2C)
        writer.safeInteger(1 << 53)
        writer.byte(0x2C)
        writer.real(.nan)
        writer.byte(0x2C)
        writer.real(10)
        writer.byte(0x2C)
        writer.real(0.1)
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == "9007199254740991,\"9007199254740992\",null,10,0.1")
    }
}

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5z", 1_500_000),
        ("1970-01-01t00:00:00.123456789Z", 123_456), ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00 01:00", 0), ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01 00:00:02", 2_000_000),
        ("1970-01-01 00:00:02Z", 2_000_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("1969-12-31T23:59:60Z", 0),
    ])
    func momentsAreRead(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "1970", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00.5", "1970-1-01T00:00:00Z",
        "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "2023-02-29T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00Z ",
        "é970-01-01T00:00:00Z",
        "-970-01-01T00:00:00Z", "1970-01-01T00:00:00+01:00Z",
    ])
    func everythingElseIsNot(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}
