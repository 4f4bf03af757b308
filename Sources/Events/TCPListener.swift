// One listening socket, accepted on one loop and dealt out to all: every loop then has its share, whatever
// the kernel wakes first, and closing it at an upgrade loses nobody (with SO_REUSEPORT every loop has an
// accept queue of its own, and closing those reset 102 of 200 waiting connections).
//
// Out of descriptors, a listener that goes on accepting spins: a reserve descriptor is given up to take one
// peer in and turn it away, then accepting pauses.

import CLibevent
import CLinux
import Glibc
import Lanes

/// Accepts connections. Lives on its loop.
@safe public final class TCPListener {
    /// Why a listener could not be made.
    public struct Failure: Error, CustomStringConvertible {
        public let step: String
        public let errno: Int32
        public var description: String { unsafe "\(step): \(String(cString: strerror(errno)))" }
    }

    /// The port that is really bound.
    public let port: UInt16
    /// Times accepting paused because no descriptor was left.
    public private(set) var exhaustions = 0
    public private(set) var accepted = 0

    private let descriptor: Int32
    private unowned let loop: EventLoop
    private let loops: [EventLoop]
    private let onStream: @Sendable (SocketStream, Int) -> Void
    private var event: OpaquePointer?
    private var reserve: Int32
    private var pause: (any Alarm)?
    private var turn = 0

    /// Binds and listens, from any thread.
    ///
    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - userTimeoutSeconds: A peer that acknowledges nothing for this long is gone.
    public static func bind(
        host: String, port: UInt16, backlog: Int32, userTimeoutSeconds: Int = 45
    ) throws -> Int32 {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0, let address = unsafe found else {
            throw Failure(step: "\(host) is not an address", errno: EINVAL)
        }
        defer { unsafe freeaddrinfo(address) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = unsafe socket(address.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { throw Failure(step: "socket", errno: errno) }
        prepare(descriptor, userTimeoutSeconds)
        guard unsafe Glibc.bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0,
            listen(descriptor, backlog) == 0
        else {
            let failure = Failure(step: "listening on \(host):\(port)", errno: errno)
            Glibc.close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// Makes an inherited descriptor's sockets like those of `bind`.
    public static func adopt(_ descriptor: Int32, userTimeoutSeconds: Int = 45) {
        prepare(descriptor, userTimeoutSeconds)
    }

    /// What every accepted socket inherits (Linux copies the listener's): six system calls a connection less.
    private static func prepare(_ descriptor: Int32, _ userTimeoutSeconds: Int) {
        func set(_ level: Int32, _ option: Int32, _ value: Int) {
            var value = Int32(value)
            unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_REUSEADDR, 1)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, max(1, userTimeoutSeconds / 2))
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, max(1, userTimeoutSeconds / 6))
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        clinux_user_timeout(descriptor, UInt32(userTimeoutSeconds * 1_000))
    }

    /// Begins to accept on a bound (or inherited) descriptor. On `loop` only.
    ///
    /// - Parameters:
    ///   - loops: Who gets the sockets, in turn.
    ///   - onStream: Called on the socket's own loop, with its index.
    public init(
        descriptor: Int32, on loop: EventLoop, dealingTo loops: [EventLoop],
        onStream: @Sendable @escaping (SocketStream, Int) -> Void
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.loops = loops
        self.onStream = onStream
        port = Self.boundAddress(descriptor).port
        reserve = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        unsafe event = loop.withBase { base in
            unsafe event_new(
                base, descriptor, Int16(EV_READ | EV_PERSIST),
                { _, _, context in
                    guard let context = unsafe context else { return }
                    unsafe Unmanaged<TCPListener>.fromOpaque(context).takeUnretainedValue().acceptSome()
                }, Unmanaged.passUnretained(self).toOpaque())
        }
        unsafe event_add(event, nil)
    }

    /// Stops accepting and closes the listening socket. Connections that were accepted are not touched.
    public func close() {
        guard let pending = unsafe event else { return }
        pause?.cancel()
        unsafe event_free(pending)
        unsafe event = nil
        Glibc.close(descriptor)
        if reserve >= 0 { Glibc.close(reserve) }
    }

    deinit { close() }

    /// A bounded number at a time: the sockets that are open have work too.
    private func acceptSome() {
        for _ in 0..<64 {
            var storage = sockaddr_storage()
            let socket = unsafe clinux_accept(descriptor, &storage)
            guard socket >= 0 else { return refused(errno) }
            deal(socket, from: PeerAddress(storage))
        }
    }

    private func deal(_ socket: Int32, from peer: PeerAddress) {
        accepted += 1
        let index = turn
        turn = (turn + 1) % loops.count
        let target = loops[index]
        target.post { [onStream] in
            onStream(SocketStream(descriptor: socket, peer: peer, loop: target), index)
        }
    }

    private func refused(_ error: Int32) {
        // Whatever else went wrong concerns one peer; the next is taken at the next turn.
        guard [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error) else { return }
        exhaustions += 1
        if reserve >= 0 {
            Glibc.close(reserve)
            let socket = accept(descriptor, nil, nil)
            if socket >= 0 { Glibc.close(socket) }
            reserve = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        }
        guard let event = unsafe event else { return }
        unsafe event_del(event)
        pause = loop.after(.milliseconds(100)) { [weak self] in self?.resume() }
    }

    private func resume() {
        pause = nil
        guard let event = unsafe event else { return }
        if reserve < 0 { reserve = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
        unsafe event_add(event, nil)
    }

    /// Where a listening socket really is, whoever bound it.
    ///
    /// - Returns: Its port, and whether only this machine reaches it.
    public static func boundAddress(_ descriptor: Int32) -> (port: UInt16, isLoopback: Bool) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        let port = unsafe withUnsafeBytes(of: &storage) {
            unsafe $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian
        }
        return (port, PeerAddress(storage).isLoopback)
    }
}
