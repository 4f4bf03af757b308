// The peers of an attack, one by one.

import Foundation

/// Hostile peers. Lives on the thread of its test.
struct Siege {
    let target: AttackTarget
    let peers: Int
    let seconds: Double

    private static let head = "GET /sync/changes HTTP/1.1\r\nHost: a\r\nX-Slow: "

    func run(_ attack: Attack, _ figures: inout AttackFigures) throws {
        switch attack {
        case .slowHeads: try trickle(after: Self.head, &figures)
        case .slowBodies:
            try trickle(
                after: "POST /sync/ack HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(target.token)\r\n"
                    + "Content-Length: 900000\r\n\r\n", &figures)
        case .silence: try trickle(after: "", byte: nil, &figures)
        case .hugeHeads: try flood({ try connect(sending: Self.head) }, bytes: 64 << 20, &figures)
        case .uploads: try flood(openStream, bytes: 200 << 20, &figures)
        case .pipelines: try pipeline(&figures)
        case .sipping: try sip(&figures)
        case .neverReading: try sleep(&figures)
        case .vanishing: try vanish(&figures)
        case .resets: try reset(&figures)
        }
    }

    private func connect(sending text: String, receiveBuffer: Int32 = 0) throws -> TillSocket {
        let socket = try TillSocket(port: target.port, receiveBuffer: receiveBuffer)
        if !text.isEmpty { try socket.write(text) }
        return socket
    }

    private var streamHead: String {
        "GET /sync/stream?entities=products HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(target.token)\r\n\r\n"
    }

    private func openStream() throws -> TillSocket {
        let socket = try connect(sending: streamHead)
        guard try socket.readHead().status == 200 else { throw SocketFailure(description: "no stream") }
        return socket
    }

    /// A byte each tenth of a second from each peer, until all were cut.
    private func trickle(after head: String, byte: UInt8? = 0x61, _ figures: inout AttackFigures) throws {
        var open = try (0..<peers).map { _ in (socket: try connect(sending: head), since: Date()) }
        var slowest = 0.0
        let end = Date().addingTimeInterval(seconds)
        while !open.isEmpty {
            guard Date() < end else { return figures.secondsToCut = nil }
            open.removeAll { peer in
                let isCut = (byte.map { peer.socket.offer([$0]) == nil } ?? false) || peer.socket.isAtEnd()
                if isCut { slowest = max(slowest, -peer.since.timeIntervalSinceNow) }
                return isCut
            }
            usleep(100_000)
        }
        figures.secondsToCut = slowest
    }

    /// As much as the gateway takes, from one peer after another.
    private func flood(_ open: () throws -> TillSocket, bytes: Int, _ figures: inout AttackFigures) throws {
        let piece = [UInt8](repeating: 0x61, count: 64 << 10)
        var slowest = 0.0
        for _ in 0..<peers {
            let socket = try open()
            let start = Date()
            let end = start.addingTimeInterval(seconds)
            var sent = 0
            while sent < bytes, let taken = socket.offer(piece) {
                guard Date() < end else { return figures.secondsToCut = nil }
                sent += taken
                if taken == 0 { usleep(200) }
            }
            guard sent < bytes else { return figures.secondsToCut = nil }
            slowest = max(slowest, -start.timeIntervalSinceNow)
            figures.bytesTaken = max(figures.bytesTaken, sent)
        }
        figures.secondsToCut = slowest
    }

    /// As many requests as the gateway takes, from all peers at once.
    private func pipeline(_ figures: inout AttackFigures) throws {
        let request = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
        let piece = Array(String(repeating: request, count: 1_000).utf8)
        var open = try (0..<peers).map { _ in
            (socket: try connect(sending: "", receiveBuffer: 2_048), sent: 0, since: Date())
        }
        var slowest = 0.0
        let end = Date().addingTimeInterval(seconds)
        while !open.isEmpty {
            guard Date() < end else { return figures.secondsToCut = nil }
            for index in open.indices.reversed() {
                if let taken = open[index].socket.offer(piece) {
                    open[index].sent += taken
                    continue
                }
                slowest = max(slowest, -open[index].since.timeIntervalSinceNow)
                figures.bytesTaken = max(figures.bytesTaken, open[index].sent)
                open.remove(at: index)
            }
            usleep(20_000)
        }
        figures.secondsToCut = slowest
    }

    /// Pages and whole downloads by turns, read at three quarters of a kilobyte a second into the smallest of
    /// buffers, which is acknowledged at once: something is taken within any two seconds.
    private func sip(_ figures: inout AttackFigures) throws {
        try target.fill()
        var open = try (0..<peers).map { number in
            let limit = number % 2 == 0 ? "&limit=10000" : ""
            let request =
                "GET /sync/full?entities=products\(limit) HTTP/1.1\r\nHost: a\r\n"
                + "Authorization: Bearer \(target.token)\r\nConnection: close\r\n\r\n"
            return (socket: try connect(sending: request, receiveBuffer: 1), since: Date())
        }
        var slowest = 0.0
        let end = Date().addingTimeInterval(seconds)
        while !open.isEmpty {
            guard Date() < end else { return figures.secondsToCut = nil }
            open.removeAll { peer in
                let isCut: Bool
                do { isCut = try peer.socket.read(within: 0, atMost: 1_152)?.isEmpty ?? false } catch {
                    isCut = true
                }
                if isCut { slowest = max(slowest, -peer.since.timeIntervalSinceNow) }
                return isCut
            }
            usleep(1_500_000)
        }
        figures.secondsToCut = slowest
    }

    /// Streams that take nothing while four megabytes are told.
    private func sleep(_ figures: inout AttackFigures) throws {
        let open = try (0..<peers).map { _ in try connect(sending: streamHead, receiveBuffer: 2_048) }
        usleep(500_000)
        let start = Date()
        for _ in 0..<200 { try target.commit() }
        let end = Date().addingTimeInterval(seconds)
        var left = open
        while !left.isEmpty, Date() < end {
            left.removeAll { $0.isBroken() }
            usleep(50_000)
        }
        figures.secondsToCut = left.isEmpty ? -start.timeIntervalSinceNow : nil
    }

    /// Streams that were live, and whose other end no longer is. It cannot tell when it was cut: the
    /// gateway's sockets are counted.
    private func vanish(_ figures: inout AttackFigures) throws {
        let before = try ProcessFigures(pid: target.pid).sockets
        let open = try (0..<peers).map { _ in try openStream() }
        let start = Date()
        for socket in open {
            try socket.vanish()
            socket.resetOnClose()
        }
        let isOver: Bool? = try waitFor(seconds: seconds) {
            try ProcessFigures(pid: target.pid).sockets <= before ? true : nil
        }
        figures.secondsToCut = isOver.map { _ in -start.timeIntervalSinceNow }
        withExtendedLifetime(open) {}
    }

    /// Half of them in the middle of a request, half with a stream.
    private func reset(_ figures: inout AttackFigures) throws {
        for number in 0..<peers {
            let socket = try connect(sending: number % 2 == 0 ? Self.head : streamHead)
            socket.resetOnClose()
        }
        figures.secondsToCut = 0
    }
}
