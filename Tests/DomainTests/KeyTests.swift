// Keys are the bytes a database holds, whatever Unicode says of them.

import Domain
import Testing

@Suite struct KeyTests {
    /// Equal as Strings, each pair.
    static let twins = [
        ("caf\u{E9}", "cafe\u{301}"), ("\u{212A}", "K"), ("\u{AC00}", "\u{1100}\u{1161}"),
        ("q\u{307}\u{323}", "q\u{323}\u{307}"), ("\u{37E}", ";"),
    ]

    @Test(arguments: twins)
    func canonicallyEquivalentTextsAreTwoKeys(_ one: String, _ other: String) {
        #expect(one == other, "or there is nothing to tell apart")
        #expect(Key.text(one) != Key.text(other))
        #expect(Set([Key.text(one), .text(other), .text(one)]).count == 2)
        // Windows of rate limits have no more than this.
        #expect(Key.text(one).hashValue != Key.text(other).hashValue)
        #expect(Set([BusinessID(.text(one)), BusinessID(.text(other))]).count == 2)
        #expect((Key.text(one) < Key.text(other)) != (Key.text(other) < Key.text(one)))
    }

    @Test func keysAreSortedAsSQLiteSortsThem() {
        let keys: [Key] = [
            .text("\u{1F600}"), .text("\u{FF5E}"), .text("B"), .text("a"), .integer(2), .integer(-1),
        ]
        #expect(
            keys.sorted() == [
                .integer(-1), .integer(2), .text("B"), .text("a"), .text("\u{FF5E}"), .text("\u{1F600}"),
            ])
        #expect(Key.integer(7) != .text("7"))
    }
}
