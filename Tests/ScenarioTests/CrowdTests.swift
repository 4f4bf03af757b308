// Many at once, and some of them gone: tails of more entity sets than are kept, tills that vanish without a
// word, downloads larger than the memory they may take, commits that nothing follows.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CrowdTests {
    typealias Shop = StreamTests.Shop

    /// The entity sets beyond those with a tail of their own are cut from the whole tail: same events, same
    /// promises.
    @Test func moreEntitySetsThanTails() throws {
        let shop = try Shop(["stream.entity_sets=2", "limits.streams_per_device=20"])
        let names = ["products", "brands", "attributes", "vats", "categories"]
        let streams = try Dictionary(
            uniqueKeysWithValues: names.map { name in
                (name, try OpenStream(shop.daemon, token: shop.till, query: "entities=\(name)"))
            })
        let pair = try OpenStream(shop.daemon, token: shop.till, query: "entities=brands,vats")
        for (_, stream) in streams { _ = try #require(try stream.next("ready")) }
        _ = try #require(try pair.next("ready"))
        let narrowed = try StreamTests.metric(shop.daemon, "tidings_narrowed_streams_total")
        #expect(try #require(narrowed) == 4)
        for round in 1...3 {
            // One after the other: two commits that are read at once are one event.
            for name in names {
                try shop.daemon.sql(
                    "INSERT INTO \(name)(business_id,name) VALUES(\(shop.business),'r\(round)');")
                #expect(try Self.changed(#require(streams[name])) == [name])
                if ["brands", "vats"].contains(name) { #expect(try Self.changed(pair) == [name]) }
            }
            try shop.daemon.sql(
                """
                BEGIN; UPDATE products SET name='both \(round)'; UPDATE vats SET name='both \(round)'; COMMIT;
                """)
            for name in ["products", "vats"] {
                #expect(try Self.changed(#require(streams[name])) == [name])
            }
            #expect(try Self.changed(pair) == ["vats"])
        }
        // An id of a stream that was cut from the whole tail resumes like any other.
        let last = try #require(pair.seen.last { $0.type == "change" }?.lastEventID)
        try shop.daemon.sql("INSERT INTO vats(business_id,name) VALUES(\(shop.business),'later');")
        try shop.daemon.untilRead()
        let resumed = try OpenStream(
            shop.daemon, token: shop.till, lastEventID: last, query: "entities=brands,vats")
        let change = try #require(try resumed.next("change"))
        #expect(change.list("vats", "created").count == 1)
        #expect(try resumed.next("ready")?.number("replayed") == 1)
    }

    /// The entities of which the next change of a stream has records.
    private static func changed(_ stream: OpenStream) throws -> Set<String> {
        let change = try #require(try stream.next("change"))
        #expect(change.lastEventID == change.json["sync_token"] as? String)
        let named = (change.json["data"] as? [String: Any] ?? [:]).keys
        return Set(named.filter { !(change.list($0, "created") + change.list($0, "updated")).isEmpty })
    }

    /// The only stream of a device whose peer takes nothing any more gives way to a new one.
    @Test func aSilentPeerGivesWayToItsDevicesNewcomer() throws {
        let shop = try Shop(["limits.streams_per_device=1", "stream.send_buffer=8KiB", "stream.heartbeat=1s"])
        let sleeper = try OpenStream(shop.daemon, token: shop.till, receiveBuffer: 2_048)
        let turnedAway = try OpenStream(shop.daemon, token: shop.till)
        #expect(try turnedAway.next("bye")?.json["reason"] as? String == "limit")
        #expect(try LimitTests.met(shop.daemon, "limits.streams_per_device") == 1)
        for _ in 0..<8 { try shop.product(String(repeating: "x", count: 20_000)) }
        let newcomer = try waitFor(seconds: 20) { () -> OpenStream? in
            let stream = try OpenStream(shop.daemon, token: shop.till)
            return try stream.next()?.type == "hello" ? stream : nil
        }
        #expect(try newcomer?.next("ready") != nil)
        #expect(
            try StreamTests.metric(shop.daemon, #"tidings_streams_closed_total{reason="superseded"}"#) == 1)
        _ = sleeper
    }

    private static let canUnplug = (try? runToEnd("/usr/bin/unshare", ["-n", "true"]))?.0 == 0

    /// A till whose network is gone without a word, in a network namespace of its own.
    @Test(.enabled(if: canUnplug, "needs the right to make a network namespace"))
    func aTillThatVanishesIsGivenUp() throws {
        let shop = try Shop()
        shop.daemon.kill()
        let script = Daemon.writers.deletingLastPathComponent()
            .appendingPathComponent("Clients/vanished_peer.sh")
        let settings =
            shop.daemon.settings + [
                "server.listen=127.0.0.1:0", "server.admin_listen=127.0.0.1:0", "stream.user_timeout=2s",
                "stream.heartbeat=1s",
            ]
        let (status, output) = try runToEnd(
            "/usr/bin/unshare",
            ["-n", script.path, Daemon.executable.path, shop.till] + settings.flatMap { ["--set", $0] })
        #expect(status == 0, "\(output)")
        #expect(output.contains("\ntidings_streams 0\n"), "\(output)")
        let seconds = output.split(separator: "\n").first { $0.hasPrefix("seconds ") }
        #expect(Int(seconds?.dropFirst(8) ?? "") ?? 99 < 30)
    }

    /// 60 MB of products: spooled, shared and sent without the gateway growing by as much as the contract
    /// allows it.
    @Test func aFullDownloadTakesLittleMemory() throws {
        let shop = try Shop()
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO products(business_id,name,description)
            SELECT \(shop.business), 'p' || i, replace(hex(zeroblob(1500)), '00', 'ab') FROM n;
            """)
        _ = try shop.daemon.ask("GET", "/sync/full?entities=brands", token: shop.till)
        let before = try shop.daemon.peakKilobytes()
        let answer = try shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till)
        #expect(answer.body.count > 60_000_000)
        let json = try #require(answer.json)
        let products = try #require((json["data"] as? [String: Any])?["products"] as? [String: Any])
        #expect((products["created"] as? [Any])?.count == 20_000)
        #expect(products["total"] as? Int == 20_000)
        let grown = try shop.daemon.peakKilobytes() - before
        #expect(grown < 32 * 1_024, "\(grown) KiB")
    }

    /// Every commit is seen by itself: none waits for the one after it to be noticed.
    @Test func noCommitWaitsForTheNext() throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        writer.arguments = [
            "python3", Daemon.writers.appendingPathComponent("commit_on_demand.py").path,
            shop.daemon.database,
            "\(shop.business)",
        ]
        let asks = Pipe.unshared()
        writer.standardInput = asks
        try writer.start()
        for number in 1...300 {
            asks.fileHandleForWriting.write(Data("\(number)\n".utf8))
            let change = try #require(try stream.next("change"), "commit \(number) was not seen")
            let record = try #require(change.list("products", "created").first as? [String: Any])
            #expect(record["name"] as? String == "commit \(number)")
        }
        try asks.fileHandleForWriting.close()
        writer.waitUntilExit()
        #expect(writer.terminationStatus == 0)
    }
}
