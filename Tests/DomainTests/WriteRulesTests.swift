// Each rule of the catalogue: what it takes, and the sentence for what it does not take.

import Domain
import Testing

@Suite struct WriteRulesTests {
    private static func field(_ rules: String) -> WritableField {
        WritableField(
            name: "unit_price", column: "unit_price",
            rules: rules.split(separator: "|").compactMap { WriteRule(String($0)) })
    }

    @Test(arguments: [
        ("required", UploadValue.text("x")), ("string", .text("")), ("string", .null),
        ("integer", .integer(-3)),
        ("decimal", .integer(999_999_999_999)), ("decimal", .text("-12.500000")),
        ("decimal", .decimal("0.1")),
        ("boolean", .boolean(false)), ("boolean", .integer(1)), ("date", .text("2026-01-03T10:00:00Z")),
        ("date", .text("2026-01-03 10:00:00")), ("json", .json([0x5B, 0x5D])), ("string|max:3", .text("äöü")),
        ("string|min:2", .text("ab")), ("decimal|max:10", .text("10.00")), ("integer|min:1", .integer(1)),
        ("in:a,b", .text("b")), ("exists:units", .integer(4)), ("exists:units", .text("u-1")),
        ("exists:units", .reference(operation: "x")), ("exists:units", .null),
    ])
    func whatARuleTakes(_ rules: String, _ value: UploadValue) {
        #expect(Self.field(rules).complaint(about: value) == nil)
    }

    @Test(arguments: [
        ("required", UploadValue.null, "is required"), ("required|string", .text(""), "is required"),
        ("string", .integer(1), "must be a string"), ("string", .json([0x7B, 0x7D]), "must be a string"),
        ("string", .reference(operation: "x"), "must not be a reference"),
        ("string", .text("a\0b"), "must not contain NUL characters"),
        ("integer", .text("1"), "must be an integer"), ("integer", .decimal("1.0"), "must be an integer"),
        ("decimal", .text("1,5"), "must be a number"), ("decimal", .text(""), "must be a number"),
        ("decimal", .text("1."), "must be a number"), ("decimal", .decimal("1e3"), "must be a number"),
        ("decimal", .text("1.0000001"), "must be a number"), ("decimal", .text("--1"), "must be a number"),
        ("decimal", .integer(1_000_000_000_000), "must be a number"),
        ("decimal", .text("+1"), "must be a number"),
        ("decimal", .integer(.min), "must be a number"), ("decimal", .boolean(true), "must be a number"),
        ("boolean", .text("true"), "must be true or false"),
        ("boolean", .integer(2), "must be true or false"),
        ("date", .text("yesterday"), "must be a valid date"), ("date", .integer(0), "must be a valid date"),
        ("json", .text("[]"), "must be a list or an object"),
        ("string|max:3", .text("abcd"), "must not be greater than 3 characters"),
        ("string|min:2", .text("a"), "must be at least 2 characters"),
        ("decimal|max:10", .text("10.01"), "must not be greater than 10"),
        ("integer|min:1", .integer(0), "must be at least 1"), ("in:a,b", .text("c"), "must be one of a, b"),
        ("in:caf\u{E9}", .text("cafe\u{301}"), "must be one of caf\u{E9}"),
        ("in:a,b", .integer(1), "must be one of a, b"), ("exists:units", .boolean(true), "must be an id"),
        ("exists:units", .decimal("1.5"), "must be an id"),
    ])
    func whatARuleDoesNotTake(_ rules: String, _ value: UploadValue, _ complaint: String) {
        #expect(Self.field(rules).complaint(about: value) == "The unit price field \(complaint).")
    }

    @Test(arguments: [
        "", "max", "max:x", "in", "in:", "in:a,,b", "exists", "exists:UNITS", "strings", "required:1",
    ])
    func whatIsNoRule(_ text: String) {
        #expect(WriteRule(text) == nil)
    }
}
