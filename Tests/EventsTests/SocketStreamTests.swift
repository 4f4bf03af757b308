// Real sockets on a real loop: what arrives, what goes out, what happens when a batch of readiness and an
// ending meet.

import Domain
import Events
import Foundation
import Lanes
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SocketStreamTests {
    @Test func bytesArriveAndGoOut() throws {
        let server = try Server { Echo(stream: $0) }
        let till = try TillSocket(port: server.port)
        try till.write("hello")
        #expect(try till.read(within: 20, atMost: 5) == Array("hello".utf8))
    }

    @Test func aPausedSocketKeepsItsBytesUntilItReadsAgain() throws {
        let server = try Server { Echo(stream: $0) }
        let till = try TillSocket(port: server.port)
        try till.write("a")
        #expect(try till.read(within: 20, atMost: 1) == Array("a".utf8))
        server.each { ($0 as? Echo)?.stream.pauseReading() }
        try till.write("b")
        #expect(try till.read(within: 0.1, atMost: 1) == nil)
        server.each { ($0 as? Echo)?.stream.resumeReading() }
        #expect(try till.read(within: 20, atMost: 1) == Array("b".utf8))
    }

    @Test func aFullSocketSaysWhenThereIsRoom() throws {
        let server = try Server { Flood(stream: $0, left: 20_000_000) }
        let till = try TillSocket(port: server.port)
        try till.write("go")
        var received = 0
        while received < 20_000_000, let bytes = try till.read(within: 20, atMost: 65_536), !bytes.isEmpty {
            received += bytes.count
        }
        #expect(received == 20_000_000)
    }

    /// Both have bytes waiting when the loop looks; whichever is first ends the other.
    @Test func aSocketThatItsNeighbourEndedInTheSameBatchHearsNothing() throws {
        let server = try Server { Rival(stream: $0) }
        let tills = [try TillSocket(port: server.port), try TillSocket(port: server.port)]
        #expect(waitUntil { server.count == 2 })
        // The loop is busy until both have spoken.
        let isBusy = DispatchSemaphore(value: 0)
        server.loop.post { isBusy.wait() }
        for till in tills { try till.write("x") }
        isBusy.signal()
        #expect(waitUntil { server.reports.heard.withLock { $0 } >= 1 })
        // Whatever came after it has been served too.
        server.each { _ in }
        #expect(server.reports.heard.withLock { $0 } == 1)
    }

    @Test func aPeerThatResetsIsReportedEvenWhileNothingIsRead() throws {
        let server = try Server { Echo(stream: $0) }
        var till: TillSocket? = try TillSocket(port: server.port)
        try till?.write("a")
        #expect(try till?.read(within: 20, atMost: 1) == Array("a".utf8))
        server.each { ($0 as? Echo)?.stream.pauseReading() }
        till?.resetOnClose()
        till = nil
        #expect(waitUntil { server.reports.closed.withLock { $0 } == 1 })
    }
}
