// A listening socket on a loop of its own, and owners of its streams that behave in ways tests need.

import Domain
import Events
import Foundation
import Lanes
import Synchronization
import TidingsTesting

/// What owners tell a test. From any thread.
final class Reports: Sendable {
    let heard = Mutex(0)
    let closed = Mutex(0)
}

/// Accepts on an ephemeral port. From any thread.
final class Server: Sendable {
    let loop: EventLoop
    let port: UInt16
    let reports: Reports
    private let box: Confined<Box>

    /// What lives on the loop.
    final class Box {
        var listener: TCPListener?
        var owners: [Owner] = []
    }

    init(_ make: @Sendable @escaping (SocketStream) -> Owner) throws {
        let descriptor = try TCPListener.bind(host: "127.0.0.1", port: 0, backlog: 16)
        let loop = EventLoop(name: "test")
        let reports = Reports()
        let box = Confined(Box(), to: loop)
        let bound = Mutex<UInt16>(0)
        let done = DispatchSemaphore(value: 0)
        box.post { own in
            let listener = TCPListener(descriptor: descriptor, on: loop, dealingTo: [loop]) { stream, _ in
                let owner = make(stream)
                owner.reports = reports
                owner.all = box
                stream.owner = owner
                box.with(owner) { $0.owners.append($1) }
            }
            own.listener = listener
            bound.withLock { $0 = listener.port }
            done.signal()
        }
        done.wait()
        port = bound.withLock { $0 }
        self.loop = loop
        self.reports = reports
        self.box = box
    }

    /// Does that with each owner, on the loop; returns when it is done.
    func each(_ body: @Sendable @escaping (Owner) -> Void) {
        let done = DispatchSemaphore(value: 0)
        box.post { box in
            for owner in box.owners { body(owner) }
            done.signal()
        }
        done.wait()
    }

    var count: Int {
        let count = Mutex(0)
        each { _ in count.withLock { $0 += 1 } }
        return count.withLock { $0 }
    }
}

/// Takes what comes. Lives on the loop.
class Owner: ByteStreamOwner {
    let stream: SocketStream
    var reports: Reports?
    var all: Confined<Server.Box>?

    init(stream: SocketStream) { self.stream = stream }

    func streamReceived(_ bytes: Span<UInt8>) {}
    func streamClosed() { reports?.closed.withLock { $0 += 1 } }
    func streamIsWritable() {}
}

/// Sends back what it received. Lives on the loop.
final class Echo: Owner {
    override func streamReceived(_ bytes: Span<UInt8>) { _ = stream.send(bytes) }
}

/// Sends a great deal once it is asked. Lives on the loop.
final class Flood: Owner {
    private var left: Int
    private let piece = [UInt8](repeating: 0x78, count: 65_536)

    init(stream: SocketStream, left: Int) {
        self.left = left
        super.init(stream: stream)
    }

    override func streamReceived(_ bytes: Span<UInt8>) { pour() }
    override func streamIsWritable() { pour() }

    private func pour() {
        let piece = piece
        while left > 0 {
            let part = piece.span.extracting(0..<min(left, piece.count))
            guard let taken = stream.send(part) else { return }
            left -= taken
            if taken < piece.count, left > 0 { return stream.whenWritable() }
        }
    }
}

/// Ends all others when it hears something. Lives on the loop.
final class Rival: Owner {
    override func streamReceived(_ bytes: Span<UInt8>) {
        reports?.heard.withLock { $0 += 1 }
        all?.with(self) { box, one in
            for owner in box.owners where owner !== one { owner.stream.close() }
        }
    }
}

/// Asks until it is so or half a minute is over.
func waitUntil(_ isSo: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(30)
    while !isSo() {
        if Date() > end { return false }
        Thread.sleep(forTimeInterval: 0.002)
    }
    return true
}
