// A listener with loops of its own, and what its sockets were told, in order.

import Events
import Foundation
import Lanes
import Synchronization
import TidingsTesting

/// One socket's owner in a test. Lives on the socket's loop.
final class Peer: ByteStreamOwner {
    let stream: SocketStream
    let loop: Int
    private let timer: any TimedLane
    private let told: Recorder<String>
    private let act: (Peer, String) -> Void
    /// What `fill` could not send.
    private(set) var pending: [UInt8] = []

    init(
        _ stream: SocketStream, loop: Int, timer: any TimedLane, told: Recorder<String>,
        act: @escaping (Peer, String) -> Void
    ) {
        self.stream = stream
        self.loop = loop
        self.timer = timer
        self.told = told
        self.act = act
        stream.owner = self
        act(self, "open")
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        told.record("received \(text)")
        act(self, text)
    }

    func streamClosed() { told.record("closed") }

    func streamIsWritable() {
        told.record("writable")
        fill([])
    }

    /// Asks on the loop, again and again, until the answer is yes.
    func poll(_ isDone: @escaping () -> Bool) {
        _ = timer.after(.milliseconds(5)) { [self] in if !isDone() { poll(isDone) } }
    }

    func send(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        return stream.send(bytes.span)
    }

    /// Sends as much as the socket takes, and the rest whenever it takes more.
    func fill(_ more: [UInt8]) {
        pending += more
        while !pending.isEmpty {
            let bytes = pending
            guard let taken = stream.send(bytes.span) else { return told.record("broken") }
            pending.removeFirst(taken)
            if taken == 0 { return stream.whenWritable() }
        }
        told.record("sent")
    }
}

/// Listens on loopback. From any thread.
final class Listening: Sendable {
    let loops: [EventLoop]
    let told = Recorder<String>()
    let port: UInt16
    private let listener: Confined<TCPListener>

    /// - Parameter act: Called on the socket's loop with `open`, then with what was received.
    init(
        loops count: Int = 1, act: @Sendable @escaping (Peer, String) -> Void
    ) throws {
        let loops = (0..<count).map { EventLoop(name: "test-\($0)") }
        self.loops = loops
        let descriptor = try TCPListener.bind(host: "127.0.0.1", port: 0, backlog: 64)
        let told = told
        let bound = Mutex<UInt16>(0)
        listener = Confined(on: loops[0]) {
            TCPListener(descriptor: descriptor, on: loops[0], dealingTo: loops) {
                _ = Peer($0, loop: $1, timer: loops[$1], told: told, act: act)
            }
        }
        listener.post { open in bound.withLock { $0 = open.port } }
        port = waitFor(seconds: 30) { bound.withLock { $0 == 0 ? nil : $0 } } ?? 0
    }

    deinit {
        listener.post { $0.close() }
        for loop in loops { loop.stop() }
    }

    func stopListening() { listener.post { $0.close() } }

    func connect(receiveBuffer: Int32 = 0) throws -> TillSocket {
        try TillSocket(port: port, receiveBuffer: receiveBuffer)
    }

    /// Waits until this was told.
    func hears(_ words: String) -> Bool {
        waitFor(seconds: 30) { told.all.contains(words) ? true : nil } == true
    }
}

extension TillSocket {
    /// What arrives until the end of the stream.
    func readToEnd(within seconds: Double = 30) throws -> String {
        var all: [UInt8] = []
        while let bytes = try read(within: seconds), !bytes.isEmpty { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    func text(within seconds: Double = 30) throws -> String? {
        try read(within: seconds).map { String(decoding: $0, as: UTF8.self) }
    }
}
