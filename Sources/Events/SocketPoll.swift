// The sockets of one loop, in an epoll of their own that libevent watches as one descriptor. A libevent event
// for each idle socket would be 144 bytes, and 40 more in its tables, where a place in this array is 8: a
// third of what an idle stream may cost. Timers, signals and wake-ups stay libevent's.
//
// Level-triggered, a bounded batch a turn: what is not taken now is there in the next. A socket that an
// earlier one of its batch has closed is not in the array any more.

import CLibevent
import CLinux
import Glibc

/// Which sockets have bytes or room. Lives on its loop.
@safe final class SocketPoll {
    private let epoll = clinux_epoll()
    private unowned let loop: EventLoop
    /// By descriptor.
    private var sockets: [SocketStream?] = []
    private var event: OpaquePointer?
    /// A batch is at most a millisecond or two of requests: when a crowd comes, those who are being served
    /// wait no longer than that.
    private static let batch = 32
    private var descriptors = [Int32](repeating: 0, count: batch)
    private var readiness = [Int32](repeating: 0, count: batch)

    init(base: OpaquePointer, of loop: EventLoop) {
        self.loop = loop
        precondition(epoll >= 0, "no descriptor is left for a loop's epoll")
        unsafe event = event_new(
            base, epoll, Int16(EV_READ | EV_PERSIST),
            { _, _, context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<SocketPoll>.fromOpaque(context).takeUnretainedValue().serve()
            }, Unmanaged.passUnretained(self).toOpaque())
        unsafe event_add(event, nil)
    }

    deinit {
        if let event = unsafe event { unsafe event_free(event) }
        close(epoll)
    }

    /// Watches for bytes, and keeps the stream.
    func add(_ stream: SocketStream, descriptor: Int32) {
        let place = Int(descriptor)
        if place >= sockets.count {
            sockets.append(contentsOf: repeatElement(nil, count: max(256, place + 1 - sockets.count)))
        }
        sockets[place] = stream
        clinux_epoll_add(epoll, descriptor, Int32(CLINUX_READABLE))
    }

    func change(_ descriptor: Int32, readable: Bool, writable: Bool) {
        let interest =
            (readable ? Int32(CLINUX_READABLE) : 0)
            | (writable ? Int32(CLINUX_WRITABLE) : 0)
        clinux_epoll_change(epoll, descriptor, interest)
    }

    /// Lets go of the stream; closing the descriptor takes it out of the epoll.
    func remove(_ descriptor: Int32) { sockets[Int(descriptor)] = nil }

    private func serve() {
        let count = unsafe clinux_epoll_ready(epoll, &descriptors, &readiness, Int32(descriptors.count))
        let start = ContinuousClock.now
        defer { loop.turned(since: start) }
        for index in 0..<max(0, Int(count)) {
            sockets[Int(descriptors[index])]?.isReady(readiness[index])
        }
    }
}
