// A connected TCP socket. No bufferevent: bytes go out with one `send`, and nothing is queued here. Writing
// is watched for only while the kernel's buffer is full, so a message to an idle socket costs one system
// call and no `epoll_ctl`; reading goes through one buffer per loop, so an idle socket costs this object
// and a place in its loop's SocketPoll.
//
// The poll holds the stream; closing lets go of it, and of its owner.

import CLinux
import Glibc
public import Lanes

/// A socket on a loop. Lives on that loop.
@safe public final class SocketStream: ByteStream {
    private let descriptor: Int32
    private var isOpen = true
    private var isReading = true
    private var isAwaitingRoom = false
    private unowned let loop: EventLoop
    private let peer: PeerAddress
    public var owner: (any ByteStreamOwner)?
    /// Let go of when the stream ends: its place in a count.
    public var place: (any AnyObject & Sendable)?

    /// Takes over a connected, non-blocking descriptor and begins to read.
    init(descriptor: Int32, peer: PeerAddress, loop: EventLoop) {
        self.descriptor = descriptor
        self.peer = peer
        self.loop = loop
        loop.sockets.add(self, descriptor: descriptor)
    }

    public var peerAddress: String { peer.text }

    // MARK: Out

    public func send(_ bytes: Span<UInt8>) -> Int? {
        guard isOpen else { return nil }
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Self.flags)
        }
        return sent >= 0 ? sent : refused()
    }

    public func send(_ pieces: [BytePiece]) -> Int? {
        guard isOpen else { return nil }
        // Arrays keep still while they are held: the pointers are good until the call returns.
        var vectors = unsafe [iovec]()
        unsafe vectors.reserveCapacity(pieces.count)
        for piece in pieces {
            unsafe piece.bytes.withUnsafeBytes { buffer in
                let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress)?.advanced(
                    by: piece.offset)
                unsafe vectors.append(iovec(iov_base: start, iov_len: buffer.count - piece.offset))
            }
        }
        let sent = withExtendedLifetime(pieces) {
            unsafe vectors.withUnsafeMutableBufferPointer { vectors in
                var message = unsafe msghdr()
                unsafe message.msg_iov = vectors.baseAddress
                unsafe message.msg_iovlen = vectors.count
                return unsafe sendmsg(descriptor, &message, Self.flags)
            }
        }
        return sent >= 0 ? sent : refused()
    }

    public func send(file: Int32, from offset: inout Int64, count: Int) -> Int? {
        guard isOpen else { return nil }
        let sent = unsafe clinux_sendfile(descriptor, file, &offset, count)
        return sent >= 0 ? sent : refused()
    }

    private static let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    /// Full is not an error; anything else is reported as closed, later, from the loop.
    private func refused() -> Int? {
        if errno == EAGAIN || errno == EINTR || errno == ENOBUFS { return 0 }
        LaneReference(self, on: loop).post { $0.broken() }
        return nil
    }

    public func whenWritable() {
        guard isOpen, !isAwaitingRoom else { return }
        isAwaitingRoom = true
        watch()
    }

    private func watch() {
        loop.sockets.change(descriptor, readable: isReading, writable: isAwaitingRoom)
    }

    /// What the poll found. Readable and broken are one: the call that reads tells what it is.
    func isReady(_ readiness: Int32) {
        if readiness & Int32(CLINUX_WRITABLE) != 0, isAwaitingRoom {
            isAwaitingRoom = false
            watch()
            owner?.streamIsWritable()
        }
        guard isOpen else { return }
        if isReading {
            if readiness & ~Int32(CLINUX_WRITABLE) != 0 { readable() }
        } else if readiness & Int32(CLINUX_BROKEN) != 0 {
            broken()
        }
    }

    // MARK: In

    public func pauseReading() {
        guard isOpen, isReading else { return }
        isReading = false
        watch()
    }

    public func resumeReading() {
        guard isOpen, !isReading else { return }
        isReading = true
        watch()
    }

    private func readable() {
        let buffer = unsafe loop.readBuffer
        let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 {
            let received = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
            unsafe received.withMemoryRebound(to: UInt8.self) {
                unsafe owner?.streamReceived(Span(_unsafeElements: $0))
            }
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            broken()
        }
    }

    private func broken() {
        guard isOpen else { return }
        let owner = owner
        finish()
        owner?.streamClosed()
    }

    // MARK: Ending

    public func close() { finish() }

    public func abort() {
        guard isOpen else { return }
        var linger = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        finish()
    }

    public func finishSending() {
        // A closed descriptor's number may be another connection's by now.
        guard isOpen else { return }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private func finish() {
        guard isOpen else { return }
        isOpen = false
        loop.sockets.remove(descriptor)
        Glibc.close(descriptor)
        owner = nil
        place = nil
    }

    // MARK: For streams that live long

    public var unacknowledgedBytes: Int { isOpen ? max(0, Int(clinux_unsent(descriptor))) : 0 }

    public func becomeLongLived(_ options: LongLivedOptions) {
        guard isOpen else { return }
        if options.sendBufferBytes > 0 { set(SOL_SOCKET, SO_SNDBUF, Int32(options.sendBufferBytes)) }
        if options.unsentLowWaterBytes > 0 {
            clinux_unsent_low_water(descriptor, UInt32(options.unsentLowWaterBytes))
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
