// Where we are in a journal, and which journal it is.

/// A place in the journal. Seq 0 is before the first change. Always below 2^53, so that JavaScript can hold
/// it.
public struct Seq: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public static let zero = Seq(0)
    public static let max = Seq((1 << 53) - 1)
    public var description: String { String(rawValue) }
    public static func < (left: Seq, right: Seq) -> Bool { left.rawValue < right.rawValue }
}

/// The identity of one journal history: 48 random bits, stored with the journal. A position means nothing in
/// another epoch. A restore, or any loss of committed rows, begins a new one.
public struct Epoch: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    /// Keeps the lower 48 bits.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    public init?(hex: String) {
        guard hex.utf8.count == 12, let value = UInt64(hex, radix: 16) else { return nil }
        self.init(value)
    }

    public static func random(using source: inout some RandomNumberGenerator) -> Epoch {
        Epoch(source.next())
    }

    /// Twelve lower-case hex digits.
    public var description: String {
        var json = JSONWriter()
        encode(to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// The same digits, without quotes.
    public func encode(to json: inout JSONWriter) { json.hex(rawValue, digits: 12) }
}

/// The lower 16 bits of a journal row's random nonce. Carried by tokens, compared while the row exists: it
/// tells two histories apart that reached the same seq (a file restored in place and written on).
public struct NonceTag: Hashable, Sendable {
    public let rawValue: UInt16
    public init(_ rawValue: UInt16) { self.rawValue = rawValue }
    /// From the whole nonce as the journal stores it.
    public init(nonce: Int64) { rawValue = UInt16(truncatingIfNeeded: nonce) }
    /// The tag of seq 0, where no row stands.
    public static let none = NonceTag(0)
}

/// A committed place in one history: what a snapshot saw as its newest row.
public struct Head: Hashable, Sendable {
    public let epoch: Epoch
    public let seq: Seq
    public let nonce: NonceTag

    public init(epoch: Epoch, seq: Seq, nonce: NonceTag) {
        self.epoch = epoch
        self.seq = seq
        self.nonce = nonce
    }
}
