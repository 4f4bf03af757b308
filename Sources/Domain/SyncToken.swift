// The one cursor of the protocol: the same text in answers, as an event's `id:`, as `Last-Event-ID`, and as a
// query parameter. Opaque to clients, short, ASCII.
//
// Bytes, before base64url:
//
//     1      format (1, 2)         0 alone is the null token
//     6      epoch
//     varint pos                   everything up to here was delivered
//     varint pos − base            0: settled; else in mid-round, begun at base
//     2      nonce tag of the journal row at pos
//     4      business tag
//     varint entity set            a bit per entity number
//     varint catalogue generation
//     varint begun                 format 2 only: the head at which a round from nothing began
//
// No signature: a token grants nothing. What may be read is decided by the credential; a forged position can
// only make its owner's own copy wrong.

/// A place in a business's history, for one set of entities.
public struct SyncToken: Hashable, Sendable {
    public var epoch: Epoch
    /// Everything up to here, for this business and entity set, was delivered.
    public var pos: Seq
    /// Where the round began: equal to `pos` when settled.
    public var base: Seq
    public var nonce: NonceTag
    public var business: BusinessTag
    public var entities: EntitySet
    public var generation: UInt32
    /// Of a page of a round that began at nothing: the head at that time. What was deleted before it need not
    /// be told, so the retention floor may lie above `pos`, as long as it lies below this.
    public var begun: Seq?

    public init(
        epoch: Epoch, pos: Seq, base: Seq, nonce: NonceTag, business: BusinessTag, entities: EntitySet,
        generation: UInt32, begun: Seq? = nil
    ) {
        self.begun = begun
        self.epoch = epoch
        self.pos = pos
        self.base = base
        self.nonce = nonce
        self.business = business
        self.entities = entities
        self.generation = generation
    }

    /// Whether the holder's copy is a whole cut (and not the middle of a round).
    public var isSettled: Bool { base == pos }

    /// The constant token that stands for nothing: never answerable, always a reset.
    public static let nullText = "AA"
}

/// 32 bits that tell businesses apart inside a token without naming them.
public struct BusinessTag: Hashable, Sendable {
    public let rawValue: UInt32
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// FNV-1a over the kind and the value of the key.
    public init(of business: BusinessID) {
        var hash: UInt32 = 0x811C_9DC5
        func mix(_ byte: UInt8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        switch business.key {
        case .integer(let value):
            mix(1)
            for shift in stride(from: 0, to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: value >> shift)) }
        case .text(let value):
            mix(2)
            for byte in value.utf8 { mix(byte) }
        }
        rawValue = hash
    }
}

/// What a presented token text turned out to be.
public enum PresentedToken: Hashable, Sendable {
    /// The null token: nothing.
    case null
    case token(SyncToken)
    /// Not of the grammar: never echoed back.
    case malformed
}

extension SyncToken {
    private static let format: UInt8 = 1
    private static let formatOfRoundFromNothing: UInt8 = 2

    /// About 30 to 44 characters of base64url; a few more within a round from nothing.
    public var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(44)
        bytes.append(begun == nil ? Self.format : Self.formatOfRoundFromNothing)
        for shift in stride(from: 40, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: epoch.rawValue >> UInt64(shift)))
        }
        Varint.append(UInt64(pos.rawValue), to: &bytes)
        Varint.append(UInt64(pos.rawValue - base.rawValue), to: &bytes)
        bytes.append(UInt8(nonce.rawValue >> 8))
        bytes.append(UInt8(nonce.rawValue & 0xFF))
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: business.rawValue >> UInt32(shift)))
        }
        Varint.append(entities.bits, to: &bytes)
        Varint.append(UInt64(generation), to: &bytes)
        if let begun { Varint.append(UInt64(begun.rawValue), to: &bytes) }
        return String(decoding: Base64URL.encode(bytes), as: UTF8.self)
    }

    /// Reads any text a client may present. Never traps; anything but the one spelling of a token is
    /// malformed.
    public static func parse(_ text: String) -> PresentedToken {
        if text == nullText { return .null }
        guard text.utf8.count <= 80, let bytes = Base64URL.decode(text.utf8) else { return .malformed }
        var reader = ByteReader(bytes)
        guard let first = reader.byte(), first == format || first == formatOfRoundFromNothing,
            let epoch = reader.big(6), let pos = reader.varint(), let behind = reader.varint(),
            let nonce = reader.big(2), let business = reader.big(4),
            let entities = reader.varint(), let generation = reader.varint(),
            let begun = first == format ? 0 : reader.varint(), reader.isAtEnd,
            begun <= UInt64(Seq.max.rawValue),
            pos <= UInt64(Seq.max.rawValue), behind <= pos, generation <= UInt64(UInt32.max),
            entities & 1 == 0
        else { return .malformed }
        return .token(
            SyncToken(
                epoch: Epoch(epoch), pos: Seq(Int64(pos)), base: Seq(Int64(pos - behind)),
                nonce: NonceTag(UInt16(nonce)), business: BusinessTag(UInt32(business)),
                entities: EntitySet(bits: entities), generation: UInt32(generation),
                begun: first == format ? nil : Seq(Int64(begun))))
    }
}

/// LEB128, shortest form only.
enum Varint {
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// Takes a token's bytes apart; nil once they run out or are not canonical.
private struct ByteReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    mutating func byte() -> UInt8? {
        guard index < bytes.count else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    mutating func big(_ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for _ in 0..<count {
            guard let next = byte() else { return nil }
            value = value << 8 | UInt64(next)
        }
        return value
    }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let next = byte() {
            let part = UInt64(next & 0x7F)
            guard shift < 63 || part <= 1 else { return nil }
            value |= part << shift
            if next & 0x80 == 0 { return next == 0 && shift > 0 ? nil : value }
            shift += 7
            guard shift <= 63 else { return nil }
        }
        return nil
    }
}
