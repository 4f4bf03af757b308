// Bodies are read strictly: what two readers could take differently is refused.

import HTTP
import Testing

@Suite struct StrictJSONTests {
    @Test(arguments: [
        "", "{", "{\"a\":1,\"a\":2}", "{\"a\":1}x", "[1,]", "{\"a\"}", "01", "1.", "+1", "NaN", "'a'",
        "\"\u{1}\"", "\"\\x\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\u{FEFF}{}", "tru", "[1 2]",
        String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        String(repeating: "1", count: 60), "9223372036854775808", "-9223372036854775809", "1e400",
    ])
    func badJSONIsRefused(_ text: String) {
        #expect(throws: JSONError.self) { try StrictJSON.parse(Array(text.utf8)) }
    }

    @Test func badUTF8IsRefused() {
        #expect(throws: JSONError.self) { try StrictJSON.parse([0x22, 0xFF, 0x22]) }
    }

    @Test func goodJSONIsRead() throws {
        let value = try StrictJSON.parse(
            Array(#" {"a":[1.50,-2e3,true,null],"b":"\u00e9\ud83d\ude00\n\/"} "#.utf8))
        #expect(value["a"] == .array([.number("1.50"), .number("-2e3"), .boolean(true), .null]))
        #expect(value["b"]?.string == "é😀\n/")
    }
}
