// How this machine reaches one of its own listeners: for a gateway that is its own client.

import Glibc

/// Where a listening socket is reached from this machine. A value.
public struct LocalAddress: Sendable {
    private let address: sockaddr_storage

    /// - Parameter descriptor: A listening socket; of one that listens everywhere, loopback.
    public init(of descriptor: Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            if unsafe bytes.load(as: sa_family_t.self) == sa_family_t(AF_INET) {
                let host = unsafe bytes.load(fromByteOffset: 4, as: UInt32.self)
                if host == 0 {
                    unsafe bytes.storeBytes(
                        of: UInt32(0x7F00_0001).bigEndian, toByteOffset: 4, as: UInt32.self)
                }
            } else if unsafe bytes[8..<24].allSatisfy({ $0 == 0 }) {
                unsafe bytes[23] = 1
            }
        }
        address = storage
    }

    /// A connected socket; nil: nobody listens, or not within `seconds`. Blocks, and so do its calls, for as
    /// long.
    public func connect(within seconds: Int) -> Int32? {
        var storage = address
        let descriptor = socket(
            Int32(storage.ss_family), Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let length = socklen_t(
            Int32(storage.ss_family) == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        let failure = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, length)
            }
        }
        if failure == 0 { return descriptor }
        close(descriptor)
        return nil
    }
}
