// Real sockets: who gets them, what a full one does, how they end, and what the other side sees of it.

import Events
import Foundation
import Glibc
import Lanes
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SocketTests {
    @Test func bytesGoBothWays() throws {
        let server = try Listening { peer, text in
            if text != "open" { _ = peer.send("you said \(text)") }
        }
        let client = try server.connect()
        try client.write("hello")
        #expect(try client.text() == "you said hello")
        #expect(server.told.all == ["received hello"])
    }

    @Test func socketsAreDealtToAllLoopsInTurn() throws {
        let server = try Listening(loops: 3) { peer, text in
            if text == "open" { _ = peer.send("loop \(peer.loop) \(peer.stream.peerAddress)") }
        }
        let clients = try (0..<6).map { _ in try server.connect() }
        let loops = try clients.map { try $0.text() }
        #expect(loops == [0, 1, 2, 0, 1, 2].map { "loop \($0) 127.0.0.1" })
    }

    @Test func severalPiecesAreOneMessageAndAFileIsSentFromWhereItIsAskedFor() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("file-\(UUID())").path
        try Data("0123456789".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try Listening { peer, text in
            guard text == "open" else { return }
            let pieces = [BytePiece(Array("..ab".utf8), from: 2), BytePiece(Array("cd".utf8))]
            precondition(peer.stream.send(pieces) == 4)
            let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
            var offset: Int64 = 3
            precondition(peer.stream.send(file: file, from: &offset, count: 4) == 4 && offset == 7)
            Glibc.close(file)
            peer.stream.close()
        }
        #expect(try server.connect().readToEnd() == "abcd3456")
    }

    @Test func aFullSocketTakesNothingAndSaysWhenItTakesMore() throws {
        let count = 6_000_000
        let server = try Listening { peer, text in
            guard text == "open" else { return }
            peer.stream.becomeLongLived(LongLivedOptions(sendBufferBytes: 8_192))
            peer.fill([UInt8](repeating: 0x78, count: count))
        }
        let client = try server.connect(receiveBuffer: 4_096)
        usleep(20_000)
        #expect(!server.told.all.contains("sent"), "the kernel took everything at once")
        var received = 0
        while received < count, let bytes = try client.read(within: 30), !bytes.isEmpty {
            received += bytes.count
        }
        #expect(received == count)
        #expect(server.hears("sent"))
        #expect(server.told.all.contains("writable"))
    }

    @Test func whoPausesIsNotToldUntilItReadsOn() throws {
        let isOpen = Recorder<Bool>()
        let server = try Listening { peer, text in
            guard text == "one" else { return }
            peer.stream.pauseReading()
            peer.stream.pauseReading()
            _ = peer.send("paused")
            peer.poll {
                guard !isOpen.all.isEmpty else { return false }
                peer.stream.resumeReading()
                return true
            }
        }
        let client = try server.connect()
        try client.write("one")
        #expect(try client.text() == "paused")
        try client.write("two")
        usleep(50_000)
        #expect(server.told.all == ["received one"])
        isOpen.record(true)
        #expect(server.hears("received two"))
    }

    // MARK: Endings

    @Test func aPeerThatClosesIsReportedOnce() throws {
        let server = try Listening { _, _ in }
        do {
            let client = try server.connect()
            try client.write("x")
            #expect(server.hears("received x"))
        }
        #expect(server.hears("closed"))
        usleep(20_000)
        #expect(server.told.all == ["received x", "closed"])
    }

    @Test func aPeerThatResetsIsReportedOnceAndCannotBeWrittenTo() throws {
        let server = try Listening { _, _ in }
        do {
            let client = try server.connect()
            try client.write("x")
            #expect(server.hears("received x"))
            client.resetOnClose()
        }
        #expect(server.hears("closed"))
        #expect(server.told.all == ["received x", "closed"])
    }

    /// A send that fails is told from the loop, not from within the send.
    @Test func writingToAPeerThatHasGoneBreaksTheStreamLater() throws {
        let server = try Listening { peer, text in
            guard text == "go" else { return }
            peer.stream.pauseReading()
            var sent: Int? = 0
            let end = Date().addingTimeInterval(20)
            while sent != nil, Date() < end {
                sent = peer.send("still there?")
                usleep(1_000)
            }
            peer.fill([1])
        }
        do {
            let client = try server.connect()
            try client.write("go")
            #expect(server.hears("received go"))
            client.resetOnClose()
        }
        #expect(server.hears("closed"))
        #expect(server.told.all == ["received go", "broken", "closed"])
    }

    @Test func closingSendsWhatTheKernelHoldsAndAbortingResets() throws {
        let server = try Listening { peer, text in
            if text == "close" {
                _ = peer.send("the rest")
                peer.stream.close()
                peer.stream.close()
                precondition(peer.send("more") == nil)
            } else if text == "abort" {
                peer.stream.abort()
            }
        }
        let polite = try server.connect()
        try polite.write("close")
        #expect(try polite.readToEnd() == "the rest")
        let rude = try server.connect()
        try rude.write("abort")
        #expect(throws: SocketFailure.self) { try rude.readToEnd() }
        #expect(!server.told.all.contains("closed"), "who closes is not told")
    }

    @Test func whoFinishesSendingStillHears() throws {
        let server = try Listening { peer, text in
            guard text == "one" else { return }
            _ = peer.send("last words")
            peer.stream.finishSending()
        }
        let client = try server.connect()
        try client.write("one")
        #expect(try client.readToEnd() == "last words")
        try client.write("two")
        #expect(server.hears("received two"))
    }

    @Test func whatIsNotAcknowledgedIsKnown() throws {
        let server = try Listening { peer, text in
            guard text == "open" else { return }
            peer.stream.becomeLongLived(LongLivedOptions(sendBufferBytes: 8_192))
            while let sent = peer.send(String(repeating: "x", count: 4_096)), sent > 0 {}
            precondition(peer.stream.unacknowledgedBytes > 0)
            peer.stream.whenWritable()
        }
        let client = try server.connect(receiveBuffer: 4_096)
        #expect(try client.read(within: 30)?.isEmpty == false)
    }

    // MARK: Listening

    @Test func aClosedListenerRefusesNewcomersAndKeepsWhoIsThere() throws {
        let server = try Listening { peer, text in if text != "open" { _ = peer.send(text) } }
        let client = try server.connect()
        try client.write("a")
        #expect(try client.text() == "a")
        server.stopListening()
        let refused = waitFor(seconds: 30) { (try? server.connect()) == nil ? true : nil }
        #expect(refused == true)
        try client.write("b")
        #expect(try client.text() == "b")
    }

    @Test func anAddressThatIsNoneOrInUseIsSaidSo() throws {
        #expect(throws: TCPListener.Failure.self) {
            try TCPListener.bind(host: "nowhere.invalid", port: 0, backlog: 8)
        }
        let server = try Listening { _, _ in }
        let failure = #expect(throws: TCPListener.Failure.self) {
            try TCPListener.bind(host: "127.0.0.1", port: server.port, backlog: 8)
        }
        #expect(failure?.errno == EADDRINUSE)
        #expect(failure?.description.contains("127.0.0.1:\(server.port)") == true)
    }
}
