// What identifies one row, or one business, in somebody's database: an integer or a text. Tidings never
// converts between the two: SQLite keeps 7 and '7' apart in an untyped column, and so do we. Nor does it take
// two texts for one that only look alike: `é` of one scalar and `é` of two are equal Strings, and two keys.

/// The primary key of a record, or the identity of a business, as its table stores it.
public enum Key: Hashable, Sendable {
    case integer(Int64)
    case text(String)

    public static func == (left: Key, right: Key) -> Bool {
        switch (left, right) {
        case (.integer(let a), .integer(let b)): a == b
        case (.text(let a), .text(let b)): a.hasSameBytes(as: b)
        case (.integer, .text), (.text, .integer): false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .integer(let value): hasher.combine(value)
        // Not as a String, which hashes alike whatever only looks alike.
        case .text(var value):
            value.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(value.utf8.count)
        }
    }
}

extension String {
    /// Whether the UTF-8 is the same: `==` takes canonically equivalent texts for one, and databases do not.
    public func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension Key: CustomStringConvertible {
    /// The bare value, without quotes: `7` or `0192f0c1-…`.
    public var description: String {
        switch self {
        case .integer(let value): String(value)
        case .text(let value): value
        }
    }

    /// Reads a key from a URL or a command line: all digits (with an optional minus) is an integer.
    public init(parsing text: String) {
        if let value = Int64(text), String(value) == text {
            self = .integer(value)
        } else {
            self = .text(text)
        }
    }
}

extension Key: Comparable {
    /// Integers before texts, and those by their bytes, as SQLite sorts an untyped column.
    public static func < (left: Key, right: Key) -> Bool {
        switch (left, right) {
        case (.integer(let a), .integer(let b)): a < b
        case (.text(let a), .text(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.integer, .text): true
        case (.text, .integer): false
        }
    }
}
