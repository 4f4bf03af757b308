// Texts that claim to be JSON, beside Foundation's reader: whatever is passed on, it reads too, and as the
// same value; whatever it reads is passed on, but for what is known to break another reader.

import Domain
import Foundation
import Testing

@testable import SQLiteEngine

@Suite struct JSONTextTests {
    private func compact(_ text: String) -> String? {
        JSONText.compact(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        #"["\x41"]"#, #"["\u12"]"#, #"["\u12G4"]"#, #"["\u+123"]"#, #"["\ud800"]"#, #"["\udc00\ud800"]"#,
        #"["\ud800\u0041"]"#, #"["\ud800"#, #"["\"#, "[\"\\\n\"]", "[\"\\\u{0}\"]", "[\"a\nb\"]",
        "[\"a\\\nid: x\\\nretry: 1\\\n\"]", "[\"\t\"]", "[1e999]", "[-1E+400]", "1e309", "01", "-", "1.",
        ".5",
        "+1", "1e", "0x1", "NaN", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{1:2}", "[1] 2",
        "\"a\"b",
        "tru", "truex", "nul", "", " ", "[\u{2028}1]", "\u{FEFF}1", "'a'", "[1 2]", "]", "{]", "[\u{0}]",
        String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
    ])
    func whatSomeReaderRefusesIsNoJSON(_ text: String) {
        #expect(compact(text) == nil)
    }

    @Test(arguments: [
        (" { \"a\" :\n[ 1 ,\r\t2.50e-3 , true,false , null ] }\n", #"{"a":[1,2.50e-3,true,false,null]}"#),
        (#""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00""#, #""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00""#),
        ("\"é\u{2028}\u{2029}\u{85}€\"", #""é\u2028\u2029\u0085€""#), ("-0", "-0"), ("1e308", "1e308"),
        ("12345678901234567890123", "12345678901234567890123"), (#"{"a":1,"a":2}"#, #"{"a":1,"a":2}"#),
        (
            String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
            String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        ),
    ])
    func whatIsJSONStandsOnOneLine(_ text: String, _ expected: String) {
        #expect(compact(text) == expected)
    }

    @Test(arguments: ["1e400", "-9e999", "1,5", "Infinity", "1\n", " 1", "00", "1e5x"])
    func whatIsNoNumberStaysAString(_ text: String) { #expect(!JSONText.isNumber(Array(text.utf8))) }

    /// Pieces that are right more often than not, put together at random; but for a comma at the end of a
    /// list, which Foundation lets pass.
    @Test func passesOnWhatFoundationReadsAndNothingElse() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var passed = 0
        for _ in 0..<100_000 {
            let text = Self.value(depth: 0, &random)
            let foundation = Self.read(Data(text.utf8))
            guard let compact = JSONText.compact(Array(text.utf8)) else {
                #expect(foundation == nil, "seed \(seed): \(text.debugDescription) is refused")
                continue
            }
            passed += 1
            #expect(
                !compact.contains { $0 < 0x20 }, "seed \(seed): \(text.debugDescription) keeps a line end")
            #expect(
                foundation != nil && Self.read(Data(compact)) == foundation,
                "seed \(seed): \(text.debugDescription) became \(String(decoding: compact, as: UTF8.self))")
        }
        #expect(passed > 10_000, "seed \(seed): \(passed) were JSON")
    }

    private static func read(_ data: Data) -> NSObject? {
        try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed) as? NSObject
    }

    private static func value(depth: Int, _ random: inout SeededRandom) -> String {
        let space = pick(["", "", "", " ", "\n", "\r\t"], &random)
        switch Int.random(in: 0..<(depth < 3 ? 10 : 6), using: &random) {
        case 0, 1: return space + number(&random)
        case 2, 3: return space + string(&random) + space
        case 4: return space + pick(["true", "false", "null"], &random)
        case 5: return pick(["tru", "nulll", "[", "}", ",", "\u{0}", "'a'", "NaN"], &random)
        case 6, 7:
            let members = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                value(depth: depth + 1, &random)
            }
            return space + "[" + members.joined(separator: ",") + space + "]"
        default:
            let members = (0..<Int.random(in: 0...3, using: &random)).map { place in
                "\"\(place)" + string(&random).dropFirst() + space + ":" + value(depth: depth + 1, &random)
            }
            return "{" + members.joined(separator: ",") + "}" + space
        }
    }

    private static func number(_ random: inout SeededRandom) -> String {
        pick(["", "", "-"], &random) + pick(["0", "7", "120", "18446744073709551616", "01", "-"], &random)
            + pick(["", "", ".5", ".25", "."], &random)
            + pick(["", "", "e3", "E-2", "e+1", "e", "e400"], &random)
    }

    private static func string(_ random: inout SeededRandom) -> String {
        let pieces = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            pick(
                [
                    "a", "é", "€", "😀", "\u{2028}", "\u{85}", #"\n"#, #"\""#, #"\\"#, #"\/"#, #"\u0041"#,
                    #"\uD83D\uDE00"#, #"\uFFFF"#, #"\x41"#, #"\u12"#, #"\uD800"#, #"\uDC00"#, "\n", "\\\n",
                ], &random)
        }
        return "\"" + pieces.joined() + "\""
    }

    private static func pick(_ choices: [String], _ random: inout SeededRandom) -> String {
        choices[Int.random(in: 0..<choices.count, using: &random)]
    }
}
