// Identities are types, not strings and numbers: a device id can never be passed where a business is meant.

/// A tenant: everything a till may see belongs to exactly one.
public struct BusinessID: Hashable, Sendable, CustomStringConvertible {
    public let key: Key
    public init(_ key: Key) { self.key = key }
    public init(_ number: Int64) { key = .integer(number) }
    public var description: String { key.description }
}

/// A registered till, named by itself: 1…128 visible ASCII characters.
public struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// Refuses (nil) what could not stand in a log line or a URL unchanged.
    public init?(_ text: String) {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        self.text = text
    }

    public var description: String { text }
}

/// A row of the token table: what stands before the `|` of a bearer token.
public struct TokenID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public var description: String { String(rawValue) }
}

/// One SSE stream, for as long as its socket is open. Unique within this process.
public struct StreamID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "s\(rawValue)" }
}

/// The name of a kind of synced record, `products`. Lower case letters, digits and `_`; begins with a letter.
public struct EntityName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let text: String

    public init?(_ text: String) {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= 64,
            text.utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
            })
        else { return nil }
        self.text = text
    }

    public var description: String { text }
    public static func < (left: EntityName, right: EntityName) -> Bool { left.text < right.text }
}

/// The stable number of an entity, 1…63: what journal rows store, and a bit in every sync token. A number is
/// never given to another entity.
public struct EntityNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt8

    public init?(_ rawValue: Int) {
        guard (1...63).contains(rawValue) else { return nil }
        self.rawValue = UInt8(rawValue)
    }

    public var description: String { String(rawValue) }
    public static func < (left: EntityNumber, right: EntityNumber) -> Bool { left.rawValue < right.rawValue }
}

/// A set of entities as one machine word, a bit per entity number.
public struct EntitySet: Hashable, Sendable {
    public private(set) var bits: UInt64

    public init(bits: UInt64 = 0) { self.bits = bits }

    public init(_ numbers: some Sequence<EntityNumber>) {
        bits = 0
        for number in numbers { insert(number) }
    }

    public var isEmpty: Bool { bits == 0 }
    public var count: Int { bits.nonzeroBitCount }
    public func contains(_ number: EntityNumber) -> Bool { bits & (1 << UInt64(number.rawValue)) != 0 }
    public func isSubset(of other: EntitySet) -> Bool { bits & ~other.bits == 0 }
    public func subtracting(_ other: EntitySet) -> EntitySet { EntitySet(bits: bits & ~other.bits) }
    public func intersection(_ other: EntitySet) -> EntitySet { EntitySet(bits: bits & other.bits) }
    public mutating func insert(_ number: EntityNumber) { bits |= 1 << UInt64(number.rawValue) }
}

extension EntitySet: Sequence {
    /// The members in ascending number.
    public func makeIterator() -> Iterator { Iterator(rest: bits) }

    public struct Iterator: IteratorProtocol {
        fileprivate var rest: UInt64

        public mutating func next() -> EntityNumber? {
            guard rest != 0 else { return nil }
            defer { rest &= rest - 1 }
            return EntityNumber(rest.trailingZeroBitCount)
        }
    }
}
