// Addresses as the configuration writes them, numeric only: a gateway whose listening address depends on a
// name server starts differently on different days.

import Glibc

/// A numeric address and a port to listen on: `127.0.0.1:8787`, `[::1]:8787`. Port 0: the kernel chooses.
public struct ListenAddress: Hashable, Sendable {
    public let host: String
    public let port: UInt16

    /// - Parameter host: A numeric IPv4 or IPv6 address without brackets; nil is returned for anything else.
    public init?(host: String, port: UInt16) {
        guard AddressBytes(host) != nil else { return nil }
        self.host = host
        self.port = port
    }

    private init(trusted host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public static func loopback(port: UInt16) -> ListenAddress {
        ListenAddress(trusted: "127.0.0.1", port: port)
    }

    public var isIPv6: Bool { host.utf8.contains(0x3A) }
}

extension ListenAddress: CustomStringConvertible {
    public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Nil for names, missing ports and IPv6 without brackets.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.first == "[" && host.last == "]"
        if isBracketed { host = host.dropFirst().dropLast() }
        guard isBracketed == host.utf8.contains(0x3A) else { return nil }
        self.init(host: String(host), port: port)
    }
}

/// A block of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
public struct AddressRange: Hashable, Sendable {
    private let network: AddressBytes
    public let prefixBits: Int

    /// Nil unless the address is numeric and has no bits set behind the prefix (`10.1.2.3/8` is a slip of the
    /// pen).
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = AddressBytes(String(first)) else { return nil }
        let width = address.bytes.count * 8
        let bits = parts.count == 2 ? Int(parts[1]) : width
        guard let bits, (0...width).contains(bits), address.masked(to: bits) == address else { return nil }
        network = address
        prefixBits = bits
    }

    /// Whether a numeric address lies inside. False for anything that is not one.
    public func contains(_ address: String) -> Bool {
        guard let bytes = AddressBytes(address), bytes.bytes.count == network.bytes.count else {
            return false
        }
        return bytes.masked(to: prefixBits) == network
    }
}

extension AddressRange: CustomStringConvertible {
    public var description: String {
        prefixBits == network.bytes.count * 8 ? network.description : "\(network)/\(prefixBits)"
    }
}

/// Addresses that stand for their neighbours.
public enum NumericAddress {
    /// The block a numeric address lies in, written as its first address; nil for anything else.
    public static func block(_ address: String, ipv4Bits: Int, ipv6Bits: Int) -> String? {
        guard let bytes = AddressBytes(address) else { return nil }
        return bytes.masked(to: bytes.bytes.count == 4 ? ipv4Bits : ipv6Bits).description
    }
}

/// 4 or 16 bytes of a numeric address. An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is read as IPv4.
struct AddressBytes: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &buffer) == 1 {
            bytes = Array(buffer.prefix(4))
        } else if unsafe inet_pton(AF_INET6, text, &buffer) == 1 {
            let isMapped =
                buffer.prefix(10).allSatisfy { $0 == 0 } && buffer[10] == 0xFF && buffer[11] == 0xFF
            bytes = isMapped ? Array(buffer.suffix(4)) : buffer
        } else {
            return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    func masked(to bits: Int) -> AddressBytes {
        AddressBytes(
            bytes: bytes.enumerated().map { index, byte in
                let kept = max(0, min(8, bits - index * 8))
                return byte & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
            })
    }

    var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = unsafe inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// What a browser sends as `Origin`: `https://shop.example`, with a port where it is not the scheme's own.
public struct WebOrigin: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// Nil for anything that could never equal an `Origin` header: paths, slashes at the end, capitals, `*`.
    public init?(_ text: String) {
        guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else { return nil }
        let host = text.dropFirst(scheme.count)
        let isPlain = host.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x3A).contains($0) || [0x2D, 0x2E, 0x5B, 0x5D].contains($0)
        }
        guard !host.isEmpty, isPlain else { return nil }
        description = text
    }
}
