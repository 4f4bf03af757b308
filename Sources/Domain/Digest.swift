// The order-independent fingerprint of (id, version) pairs, docs/PROTOCOL.md § Digest. Exact in JavaScript
// Numbers: every product stays below 2^52. Two squarings under different primes: a linear sum missed every
// trial of a swapped-version error, one squaring up to 22 % of them, this none of 200,000 per kind.

/// The sum over live records of f(id, version), in two lanes of 26 bits.
public struct Digest: Hashable, Sendable {
    public private(set) var lane1: UInt32
    public private(set) var lane2: UInt32

    public init() {
        lane1 = 0
        lane2 = 0
    }

    /// From stored lane sums.
    public init(lane1: UInt32, lane2: UInt32) {
        self.lane1 = lane1 & Self.mask
        self.lane2 = lane2 & Self.mask
    }

    private static let mask: UInt32 = (1 << 26) - 1

    public mutating func add(_ id: Key, version: Int64) {
        lane1 = (lane1 &+ DigestLane.one.fingerprint(id, version)) & Self.mask
        lane2 = (lane2 &+ DigestLane.two.fingerprint(id, version)) & Self.mask
    }

    public mutating func subtract(_ id: Key, version: Int64) {
        lane1 = (lane1 &- DigestLane.one.fingerprint(id, version)) & Self.mask
        lane2 = (lane2 &- DigestLane.two.fingerprint(id, version)) & Self.mask
    }

    /// Two times seven hex digits, lane 1 first.
    public var hex: String {
        var json = JSONWriter()
        encode(to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// The same digits, without quotes.
    public func encode(to json: inout JSONWriter) {
        json.hex(UInt64(lane1), digits: 7)
        json.hex(UInt64(lane2), digits: 7)
    }

    /// Which of `count` buckets a record falls into: by id alone, so that a changed record stays where it
    /// was.
    public static func bucket(of id: Key, count: Int) -> Int { Int(DigestLane.one.key(id)) % count }
}

private struct DigestLane {
    let a: UInt64
    let a2: UInt64
    let b: UInt64
    let c: UInt64
    let m: UInt64

    static let one = DigestLane(a: 40_503_771, a2: 25_214_903, b: 52_711_237, c: 17_340_331, m: 1_000_003)
    static let two = DigestLane(a: 61_803_399, a2: 11_400_713, b: 29_979_245, c: 57_721_566, m: 8_191_993)

    private static let p: UInt64 = 67_108_859
    private static let q: UInt64 = 67_108_837
    private static let r: UInt64 = 67_108_819

    /// Integers outside 0 ..< 2^53 are hashed as the text JavaScript receives.
    func key(_ id: Key) -> UInt64 {
        switch id {
        case .integer(let value) where value >= 0 && value < 1 << 53:
            let number = UInt64(value)
            return ((number % Self.p) * a % Self.p + (number / Self.p % Self.p) * a2) % Self.p
        case .integer(let value): return key(text: String(value))
        case .text(let value): return key(text: value)
        }
    }

    private func key(text: String) -> UInt64 {
        var hash = UInt64(text.unicodeScalars.count) + 1
        for scalar in text.unicodeScalars { hash = (hash * m + UInt64(scalar.value) + 1) % Self.p }
        return hash
    }

    func fingerprint(_ id: Key, _ version: Int64) -> UInt32 {
        let x = (key(id) + UInt64(max(0, version)) % Self.p * b) % Self.p
        let y = (x * x + c) % Self.q
        return UInt32((y * y + x) % Self.r)
    }
}

/// How many live records a business has of an entity, and their fingerprint. Both O(1) to answer.
public struct Total: Hashable, Sendable {
    public var live: Int
    public var digest: Digest

    public init(live: Int = 0, digest: Digest = Digest()) {
        self.live = live
        self.digest = digest
    }

    /// Counts one journal row: `was` is the version counted before, nil if the record was not live.
    public mutating func fold(id: Key, was: Int64?, operation: Operation, version: Int64) {
        if let was {
            live -= 1
            digest.subtract(id, version: was)
        }
        if operation != .deleted {
            live += 1
            digest.add(id, version: version)
        }
    }
}
