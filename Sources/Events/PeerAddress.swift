// Where a peer is: kept as 16 bytes a socket, written out when somebody asks.

import Glibc

/// An IPv4 or IPv6 address without its port; IPv4 as IPv6 maps it.
struct PeerAddress: Sendable {
    private let high: UInt64
    private let low: UInt64

    /// From what `accept` filled in.
    init(_ storage: sockaddr_storage) {
        var storage = storage
        if storage.ss_family == sa_family_t(AF_INET) {
            high = 0
            low = unsafe withUnsafeBytes(of: &storage) {
                0xFFFF_0000_0000
                    | UInt64(unsafe $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian)
            }
        } else {
            (high, low) = unsafe withUnsafeBytes(of: &storage) {
                (
                    unsafe $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian,
                    unsafe $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian
                )
            }
        }
    }

    /// 127.0.0.0/8 or ::1.
    var isLoopback: Bool { high == 0 && (low >> 24 == 0xFFFF_7F || low == 1) }

    /// `127.0.0.1`, `2001:db8:0:0:0:0:0:1`; an IPv4 address that came through an IPv6 socket as IPv4.
    var text: String {
        if high == 0 && low >> 32 == 0xFFFF {
            return stride(from: 24, through: 0, by: -8).map { String(low >> UInt64($0) & 0xFF) }.joined(
                separator: ".")
        }
        return [high, low].flatMap { half in
            stride(from: 48, through: 0, by: -16).map { String(half >> UInt64($0) & 0xFFFF, radix: 16) }
        }.joined(separator: ":")
    }
}
