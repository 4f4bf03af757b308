// Hostile peers on a real daemon: each is cut in its time, costs little, and keeps nobody else waiting. The
// bounds are generous, as machines that test are busy; `scripts/bench hostile` prints the figures.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct HostileTests {
    typealias Shop = StreamTests.Shop

    /// What an attack may cost at most.
    struct Bounds {
        var peers = 100
        var secondsToCut = 12.0
        var kilobytes = 16 * 1_024
        var cpuShare = 1.0
        var bytesTaken = 8 << 20
        var othersSeconds = 5.0
    }

    static func bounds(of attack: Attack) -> Bounds {
        switch attack {
        case .slowHeads, .slowBodies, .silence: Bounds()
        case .vanishing: Bounds(secondsToCut: 30)
        case .hugeHeads: Bounds(peers: 20, secondsToCut: 5, cpuShare: 2.5)
        // The kernel's own buffers take some megabytes before the first byte is looked at.
        case .uploads: Bounds(peers: 5, secondsToCut: 5, kilobytes: 4 * 1_024, cpuShare: 2.5)
        // Each peer's kernel buffers hold some hundred thousand requests, and all of them are answered first.
        case .pipelines: Bounds(peers: 8, secondsToCut: 30, cpuShare: 2.5, bytesTaken: 32 << 20)
        // A dozen pages of 3 MB are read before the good till's, of the same business, by a debug build.
        case .sipping:
            Bounds(
                peers: 24, secondsToCut: 20, kilobytes: 32 * 1_024, cpuShare: 2.5, othersSeconds: 15)
        case .neverReading: Bounds(peers: 50, secondsToCut: 60, cpuShare: 2.5)
        case .resets: Bounds(peers: 1_000, cpuShare: 2.5)
        }
    }

    @Test(arguments: Attack.allCases)
    func anAttackCostsLittle(_ attack: Attack) throws {
        let shop = try Shop(attack.settings)
        try shop.product("Tea")
        let filler = String(repeating: "x", count: 20_000)
        let target = AttackTarget(
            port: shop.daemon.port, pid: shop.daemon.pid, token: shop.till,
            commit: { try shop.daemon.sql("UPDATE products SET description='\(filler)' || random();") },
            fill: { try shop.largeProducts(1_000) })
        let bounds = Self.bounds(of: attack)
        let figures = try attack.run(on: target, peers: bounds.peers, seconds: bounds.secondsToCut)
        #expect(figures.secondsToCut != nil, "\(attack): not cut within \(bounds.secondsToCut) s")
        #expect(figures.bytesTaken < bounds.bytesTaken, "\(attack)")
        #expect(figures.kilobytes < bounds.kilobytes, "\(attack)")
        #expect(figures.cpuShare < bounds.cpuShare, "\(attack)")
        #expect(figures.othersSeconds < bounds.othersSeconds, "\(attack)")
        #expect(figures.socketsLeft == 0, "\(attack)")
    }

    /// Out of descriptors: newcomers are turned away, nothing spins, open streams go on, and serving resumes.
    @Test func outOfDescriptors() throws {
        let daemon = try Daemon(descriptors: 96)
        let business = try daemon.newBusiness()
        let stream = try OpenStream(daemon, token: business.token)
        _ = try #require(try stream.next("ready"))
        var crowd = try (0..<200).map { _ in try TillSocket(port: daemon.port) }
        let exhausted = waitFor(seconds: 30) {
            let descriptors = try? ProcessFigures(pid: daemon.pid).descriptors
            return descriptors.flatMap { $0 >= 94 ? true : nil }
        }
        #expect(exhausted == true)
        let before = try ProcessFigures(pid: daemon.pid)
        let start = Date()
        for number in 0..<3 {
            try daemon.sql("INSERT INTO brands(business_id,name) VALUES(\(business.id),'b\(number)');")
            #expect(try stream.next("change") != nil)
            usleep(500_000)
        }
        let after = try ProcessFigures(pid: daemon.pid)
        let share = (after.cpuSeconds - before.cpuSeconds) / -start.timeIntervalSinceNow
        #expect(share < 0.8, "\(share)")
        #expect(daemon.log().utf8.count < 20_000)
        crowd = []
        let served = waitFor(seconds: 30) {
            (try? daemon.ask("GET", "/sync/full", token: business.token))?.status == 200 ? true : nil
        }
        #expect(served == true)
        #expect(try #require(try StreamTests.metric(daemon, "tidings_accept_exhaustions_total")) > 0)
        #expect(crowd.isEmpty)
    }

    /// The first peers of all are a crowd: descriptors are gone before most loops have had a socket.
    @Test func aCrowdAtTheFirstMomentEndsNothing() throws {
        let daemon = try Daemon(["server.loops=8"], descriptors: 128)
        let pid = daemon.pid
        var crowd = try (0..<300).map { _ in try TillSocket(port: daemon.port) }
        let exhausted: Bool? = waitFor(seconds: 30) {
            (try? ProcessFigures(pid: pid).descriptors).flatMap { $0 >= 126 ? true : nil }
        }
        #expect(exhausted == true)
        crowd = []
        let answered: Bool? = waitFor(seconds: 30) {
            (try? daemon.ask("GET", "/nowhere"))?.status == 404 ? true : nil
        }
        #expect(answered == true, "\(daemon.log().suffix(500))")
        #expect(crowd.isEmpty)
    }

    /// Malformed requests on the wire: one refusal, the end, and nothing behind them is ever looked at.
    @Test func nothingBehindAMalformedRequestIsAnswered() throws {
        let daemon = try Daemon()
        for rest in Self.malformed {
            let socket = try TillSocket(port: daemon.port)
            try socket.write(
                "POST /sync/ack HTTP/1.1\r\nHost: a\r\n" + rest + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            var text = ""
            while let bytes = try? socket.read(within: 20), !bytes.isEmpty {
                text += String(decoding: bytes, as: UTF8.self)
            }
            #expect(text.components(separatedBy: "HTTP/1.1 ").count == 2, "\(rest): \(text)")
            #expect(text.hasPrefix("HTTP/1.1 400 ") || text.hasPrefix("HTTP/1.1 501 "), "\(rest): \(text)")
        }
    }

    private static let malformed = [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "Content-Length: +5\r\n\r\nhello",
        "Content-Length : 5\r\n\r\nhello", "Transfer-Encoding: identity\r\n\r\nhello",
        "Transfer-Encoding: \u{B}chunked\r\n\r\n0\r\n\r\n", "X: a\r\n b\r\n\r\n", "X: a\nY: b\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", "X: a\u{0}b\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n", "Host: b\r\n\r\n",
    ]
}
