// Secrets: made here, shown once, kept as hashes. `<id>|<secret>`, where the secret is forty random characters and
// a checksum, as Laravel Sanctum lays it out, so that secret scanners can recognise one.

import Crypto

/// A text that must not be printed. Its description says nothing.
public struct Secret: Hashable, Sendable, CustomStringConvertible {
    /// The text itself; for the one answer that shows it.
    public let revealed: String
    public init(_ text: String) { revealed = text }
    public var description: String { "•••" }
}

/// The SHA-256 of a secret: what is stored.
public struct SecretHash: Hashable, Sendable {
    /// 32 bytes.
    public let bytes: [UInt8]

    public init(of secret: some Sequence<UInt8>) { bytes = Array(SHA256.hash(data: Array(secret))) }
    public init(of secret: String) { self.init(of: secret.utf8) }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// From 64 hex digits, as the database has it.
    public init?(hex: String) {
        guard hex.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in hex.utf8 {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.bytes = bytes
    }

    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether two hashes are equal, in a time that does not tell where they differ.
    public func matches(_ other: SecretHash) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        var difference: UInt8 = 0
        for index in bytes.indices { difference |= bytes[index] ^ other.bytes[index] }
        return difference == 0
    }
}

extension Secret {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// Forty random characters and the CRC-32 of them, eight hex digits.
    public static func random() -> Secret {
        var source = SystemRandomNumberGenerator()
        let body = (0..<40).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &source)] }
        let checksum = String(crc32(body), radix: 16)
        return Secret(
            String(decoding: body, as: UTF8.self) + String(repeating: "0", count: 8 - checksum.utf8.count) + checksum)
    }

    /// The IEEE polynomial, bit by bit: twice a minute is often enough.
    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
