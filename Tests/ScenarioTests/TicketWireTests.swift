// Tickets on the wire: what a used, an expired, a forged or a revoked one comes to, with its own cookie, with
// another's, without any; and what a real browser does with them over its reconnects.

import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct TicketWireTests {
    typealias Shop = StreamTests.Shop

    static func ticket(_ daemon: Daemon, _ token: String) throws -> String {
        try #require(try daemon.ask("POST", "/sync/ticket", token: token).json?["ticket"] as? String)
    }

    /// `name=value` of the cookie that an answer sets.
    private func cookie(_ stream: OpenStream) throws -> String {
        String(try #require(stream.fields["set-cookie"]?.split(separator: ";").first))
    }

    private func open(_ daemon: Daemon, _ ticket: String, cookie: String? = nil) throws -> OpenStream {
        try OpenStream(
            daemon, query: "ticket=\(ticket)", headers: cookie.map { [("Cookie", $0)] } ?? [])
    }

    /// Dead tickets are told so once, in EventSource's own words, and end it the next time.
    private func expectDead(_ daemon: Daemon, _ ticket: String, cookie: String? = nil) throws {
        let told = try open(daemon, ticket, cookie: cookie)
        #expect(told.status == 200 && told.fields["set-cookie"] == nil)
        let bye = try #require(try told.next())
        #expect(bye.type == "bye" && bye.json["reason"] as? String == "credential")
        #expect(try #require(told.retryMilliseconds) >= 60_000)
        #expect(try told.untilEnd())
        #expect(try open(daemon, ticket, cookie: cookie).status == 204)
    }

    @Test func aUsedTicketIsHonouredWithItsOwnCookieOnly() throws {
        let shop = try Shop()
        let tickets = try (0..<2).map { _ in try Self.ticket(shop.daemon, shop.till) }
        let streams = try tickets.map { try open(shop.daemon, $0) }
        for stream in streams { _ = try #require(try stream.next("ready")) }
        let cookies = try streams.map(cookie)
        #expect(Set(cookies).count == 2)
        let attributes = try #require(streams[0].fields["set-cookie"])
        #expect(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"))
        #expect(!attributes.contains("Secure") && attributes.contains("Path=/"))
        // Both cookies come, as a browser sends them: each ticket finds its own, again and again.
        for _ in 0..<2 {
            for ticket in tickets {
                let again = try open(shop.daemon, ticket, cookie: cookies.joined(separator: "; "))
                #expect(try again.next("ready") != nil)
            }
        }
        // The other's value under its own name, and no cookie at all.
        let values = cookies.map { $0.split(separator: "=").map(String.init) }
        try expectDead(shop.daemon, tickets[0], cookie: values[0][0] + "=" + values[1][1])
        try expectDead(shop.daemon, tickets[1])
        // Dead without its cookie, not for it.
        #expect(try open(shop.daemon, tickets[0], cookie: cookies[0]).next("ready") != nil)
    }

    /// The time to use it is what expires: a stream that was opened in time comes back with its cookie.
    @Test func anExpiredTicketIsDeadUnlessItWasUsedInTime() throws {
        let shop = try Shop(["credentials.ticket_lifetime=3s"])
        let used = try Self.ticket(shop.daemon, shop.till)
        let stream = try open(shop.daemon, used)
        let own = try cookie(stream)
        let expired = try Self.ticket(shop.daemon, shop.till)
        let readyAgain = try open(shop.daemon, used, cookie: own)
        _ = try #require(try readyAgain.next("ready"))
        // The lifetime and a margin: from here on its time is over.
        usleep(3_500_000)
        try expectDead(shop.daemon, expired)
        // Nor does a cookie open what was never used.
        let never = try Self.ticket(shop.daemon, shop.till)
        usleep(3_500_000)
        try expectDead(shop.daemon, never, cookie: own)
        #expect(try open(shop.daemon, used, cookie: own).next("ready") != nil)
        try expectDead(shop.daemon, used)
    }

    @Test func forgedAndRevokedTicketsAreDead() throws {
        let shop = try Shop()
        let real = try Self.ticket(shop.daemon, shop.till)
        try expectDead(shop.daemon, String(real.dropLast()) + (real.hasSuffix("0") ? "1" : "0"))
        #expect(try open(shop.daemon, real).next("ready") != nil, "the real one is none the worse")
        let used = try Self.ticket(shop.daemon, shop.till)
        let stream = try open(shop.daemon, used)
        let own = try cookie(stream)
        try shop.daemon.tidings("token", "revoke", String(shop.till.prefix { $0 != "|" }))
        #expect(try stream.next("bye")?.json["reason"] as? String == "revoked")
        try expectDead(shop.daemon, used, cookie: own)
        #expect(try OpenStream(shop.daemon, query: "ticket=").status == 401)
        let long = String(repeating: "a", count: 500)
        #expect(try OpenStream(shop.daemon, query: "ticket=\(long)").status == 401)
    }

    @Test func aPageOfAnotherSiteNeedsToBeConfigured() throws {
        let shop = try Shop([
            "browser.origins=https://till.example", "browser.cookie_same_site=none",
            "browser.cookie_secure=true",
        ])
        func from(_ origin: String) throws -> OpenStream {
            try OpenStream(
                shop.daemon, query: "ticket=\(try Self.ticket(shop.daemon, shop.till))",
                headers: [("Origin", origin), ("Sec-Fetch-Site", "cross-site")])
        }
        let evil = try from("https://evil.example")
        #expect(evil.status == 403 && evil.fields["access-control-allow-origin"] == nil)
        let good = try from("https://till.example")
        #expect(good.status == 200)
        #expect(good.fields["access-control-allow-origin"] == "https://till.example")
        #expect(good.fields["access-control-allow-credentials"] == "true")
        let attributes = try #require(good.fields["set-cookie"])
        for word in ["SameSite=None", "Secure", "Partitioned", "HttpOnly"] {
            #expect(attributes.contains(word), "\(attributes)")
        }
    }

    // MARK: In a browser

    /// A tab as it is to be opened.
    private struct Tab: Encodable {
        let page: String
        let stream: String
        let credentials: Bool
    }

    /// Two businesses, three tabs of two devices, in one browser.
    private struct Browsing {
        let daemon: Daemon
        let pagePort: UInt16
        let businesses: [(id: Int, token: String)]
        let tills: [String]

        init(_ settings: [String]) throws {
            pagePort = try ownPort()
            daemon = try Daemon(
                [
                    "stream.lifetime=2s", "stream.retry_base=200ms", "stream.retry_jitter=100ms",
                    "browser.origins=http://127.0.0.1:\(pagePort),http://localhost:\(pagePort)",
                ] + settings)
            let daemon = daemon
            businesses = try (0..<2).map { _ in try daemon.newBusiness() }
            tills = try businesses.enumerated().map { try daemon.register("till-\($0)", by: $1.token) }
        }

        /// Tabs of the first device twice and of the second once.
        func tabs(host: String) throws -> Tabs {
            let specified = try [0, 0, 1].map { till in
                let ticket = try TicketWireTests.ticket(daemon, tills[till])
                return Tab(
                    page: "http://\(host):\(pagePort)",
                    stream: "http://127.0.0.1:\(daemon.port)/api/v1/sync/stream?ticket=\(ticket)",
                    credentials: true)
            }
            return try Tabs(pagePort: pagePort, specified)
        }

        func insert(_ name: String) throws {
            for (index, business) in businesses.enumerated() {
                try daemon.sql(
                    "INSERT INTO products(business_id,name) VALUES(\(business.id),'\(name) of \(index)');")
            }
        }
    }

    /// Each tab reconnects with its own ticket's cookie, and shows its own device's business only: from a
    /// page of the same site with Lax, from another site with None, Secure and Partitioned.
    @Test(arguments: [
        ("127.0.0.1", [String]()),
        ("localhost", ["browser.cookie_same_site=none", "browser.cookie_secure=true"]),
    ])
    func tabsOfTwoDevicesComeBackAsThemselves(_ host: String, _ settings: [String]) throws {
        let browsing = try Browsing(settings)
        let tabs = try browsing.tabs(host: host)
        // Twice through the streams' lifetime: each opening but the first was by the cookie.
        let isBack = tabs.waits(seconds: 60) { $0.count == 3 && $0.allSatisfy { $0.readies >= 3 } }
        #expect(isBack != nil, "\(tabs.last) \(browsing.daemon.log().suffix(400))")
        try browsing.insert("later")
        let isTold = tabs.waits(seconds: 30) { $0.count == 3 && $0.allSatisfy { !$0.names.isEmpty } }
        #expect(
            isTold?.map { Set($0.names) } == [["later of 0"], ["later of 0"], ["later of 1"]], "\(tabs.last)")
        #expect(isTold?.allSatisfy { Set($0.byes).isSubset(of: ["lifetime"]) } == true, "\(tabs.last)")
    }

    /// From another site the Lax cookie is not sent: the used ticket is told `credential`, and then ended.
    @Test func aLaxCookieIsNoneForAnotherSite() throws {
        let browsing = try Browsing([])
        let tabs = try browsing.tabs(host: "localhost")
        let told = tabs.waits(seconds: 60) {
            $0.count == 3 && $0.allSatisfy { $0.byes.contains("credential") }
        }
        #expect(told != nil, "\(tabs.last)")
        #expect(told?.allSatisfy { $0.readies == 1 } == true, "\(tabs.last)")
    }
}

/// Tabs in a real browser. From any thread.
private final class Tabs: Sendable {
    struct Seen: Decodable, Sendable {
        let opens: Int
        let readies: Int
        let byes: [String]
        let names: [String]
        let state: Int
    }

    private let seen = Mutex<[Seen]>([])
    private let process: Process

    init(pagePort: UInt16, _ tabs: some Encodable) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: WireTests.python)
        process.arguments = [
            WireTests.clients.appendingPathComponent("browser_tabs.py").path, "\(pagePort)", "150",
            String(decoding: try JSONEncoder().encode(tabs), as: UTF8.self),
        ]
        let output = Pipe.unshared()
        process.standardOutput = output
        try process.start()
        let handle = output.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while case let data = handle.availableData, !data.isEmpty {
                rest += data
                while let newline = rest.firstIndex(of: 0x0A) {
                    let line = rest[..<newline]
                    rest = Data(rest[(newline + 1)...])
                    guard let seen = try? JSONDecoder().decode([Seen].self, from: line) else { continue }
                    self?.seen.withLock { $0 = seen }
                }
            }
        }
    }

    deinit { if process.isRunning { process.terminate() } }

    var last: [Seen] { seen.withLock { $0 } }

    func waits(seconds: Double, _ holds: ([Seen]) -> Bool) -> [Seen]? {
        waitFor(seconds: seconds) { holds(last) ? last : nil }
    }
}
