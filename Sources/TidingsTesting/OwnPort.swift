// Ports for servers that tests start.

import Glibc
import Synchronization

/// Below those that the kernel gives out by itself (`ip_local_port_range`): no connection and no other server
/// takes one while its own server is down.
private let ports: Range<UInt16> = 12_000..<32_000
private let last = Mutex(UInt16.random(in: ports))

/// A loopback port that is free, and another each time.
public func ownPort() throws -> UInt16 {
    for _ in 0..<1_000 {
        let port = last.withLock { last in
            last = last + 1 < ports.upperBound ? last + 1 : ports.lowerBound
            return last
        }
        if isFree(port) { return port }
    }
    throw SocketFailure(description: "no free port in \(ports)")
}

private func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
