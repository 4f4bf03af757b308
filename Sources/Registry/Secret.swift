// Secrets: made here, shown once, kept as hashes. `<id>|<secret>`, where the secret is an optional prefix,
// forty random characters and a checksum, as Laravel Sanctum lays it out, so that secret scanners can
// recognise one. The checksum is for them alone: a secret is looked up whether it fits or not, and what does
// not fit is unknown.
//
// No comparison tells by its time how much of a secret was right: a token's hash is compared in one straight
// line of instructions; tickets and codes are looked up by their SHA-256, of which nobody can choose a part.

import Crypto

/// A text that must not be printed. Its description says nothing, nor does a dump of what holds it.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The text itself; for the one answer that shows it.
    public let revealed: String
    public init(_ text: String) { revealed = text }
    public var description: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// The prefix, forty random characters (238 bits) and the CRC-32 of those, eight hex digits.
    public static func random(prefix: String = "") -> Secret {
        var source = SystemRandomNumberGenerator()
        let body = (0..<40).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &source)] }
        let checksum = String(crc32(body), radix: 16)
        let padding = String(repeating: "0", count: 8 - checksum.utf8.count)
        return Secret(prefix + String(decoding: body, as: UTF8.self) + padding + checksum)
    }

    /// The IEEE polynomial, bit by bit: a secret is not made often.
    static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}

/// The SHA-256 of a secret: what is stored. Four words, so that comparing and looking up allocates nothing.
public struct SecretHash: Hashable, Sendable, CustomStringConvertible {
    private let a: UInt64
    private let b: UInt64
    private let c: UInt64
    private let d: UInt64

    public init(of secret: some Sequence<UInt8>) { self.init(SHA256.hash(data: Array(secret))) }
    public init(of secret: String) { self.init(of: secret.utf8) }

    /// From 32 bytes.
    init(_ digest: some Sequence<UInt8>) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for (index, byte) in digest.enumerated() {
            switch index >> 3 {
            case 0: words.0 = words.0 << 8 | UInt64(byte)
            case 1: words.1 = words.1 << 8 | UInt64(byte)
            case 2: words.2 = words.2 << 8 | UInt64(byte)
            default: words.3 = words.3 << 8 | UInt64(byte)
            }
        }
        (a, b, c, d) = words
    }

    /// From 64 lower-case hex digits, as the database has it.
    public init?(hex: String) {
        guard hex.utf8.count == 64 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, digit) in hex.utf8.enumerated() {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            words[index >> 4] = words[index >> 4] << 4 | UInt64(value)
        }
        (a, b, c, d) = (words[0], words[1], words[2], words[3])
    }

    public var hex: String {
        [a, b, c, d].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    /// 32 bytes.
    var bytes: [UInt8] {
        [a, b, c, d].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    /// As much as a log may show.
    public var description: String { String(hex.prefix(8)) }

    /// Whether two hashes are equal, in a time that does not tell where they differ.
    public func matches(_ other: SecretHash) -> Bool {
        (a ^ other.a) | (b ^ other.b) | (c ^ other.c) | (d ^ other.d) == 0
    }
}
