// Other people's clients: three independent SSE parsers and a real browser's EventSource understand every
// event, resume after a cut, a clean end and a restart, and hostile payloads never split a frame.

import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct WireTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let python = root.appendingPathComponent(".build-python/bin/python").path
    static let clients = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Clients")

    static let hostile = [
        "a\rb", "a\nb", "a\r\n\r\nb", "\ndata: x", "\r\n\r\nevent: change\r\ndata: {}\r\n\r\n",
        "\u{2028}\u{2029}\u{85}",
        "\u{FEFF}bom", "id: 7\n", ": comment\n", "nul", "\u{0B}\u{0C}\u{1C}\u{1E}", "é€😀", "\"\\\\/",
    ]

    private func insert(_ daemon: Daemon, _ business: Int, _ names: [String]) throws {
        for name in names {
            let hex = name.utf8.map { String(format: "%02x", $0) }.joined()
            let text = name == "nul" ? "'a'||char(0)||'b'" : "CAST(x'\(hex)' AS TEXT)"
            try daemon.sql("INSERT INTO products(business_id,name) VALUES(\(business),\(text));")
        }
    }

    private struct Understood: Decodable {
        let event: String
        let id: String?
        let data: String

        var name: String? {
            let json = try? JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any]
            let lists = (json?["data"] as? [String: Any])?["products"] as? [String: Any]
            return ((lists?["created"] as? [Any])?.first as? [String: Any])?["name"] as? String
        }
    }

    private func read(
        _ client: String, _ daemon: Daemon, _ token: String, last: String, count: Int
    ) throws -> [Understood] {
        let (status, output) = try runToEnd(
            Self.python,
            [
                Self.clients.appendingPathComponent("read_events.py").path, client,
                "http://127.0.0.1:\(daemon.port)/api/v1/sync/stream", token, last, "\(count)",
            ])
        let lines = output.split(separator: "\n").filter { $0.hasPrefix("{") }
        #expect(status == 0 && !lines.isEmpty, "\(client): \(output.suffix(600))")
        return try lines.map { try JSONDecoder().decode(Understood.self, from: Data($0.utf8)) }
    }

    @Test(arguments: ["httpx-sse", "sseclient-py", "aiohttp-sse-client2"])
    func anIndependentClientUnderstandsAndResumes(_ client: String) throws {
        let daemon = try Daemon(["stream.tail_size=64KiB"])
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        let start = try #require(
            try daemon.ask("GET", "/sync/full", token: token).json?["sync_token"] as? String)
        // Pages of the backlog come one change event each.
        try insert(daemon, business.id, Self.hostile)
        let first = try read(client, daemon, token, last: start, count: 1)
        #expect(first.first?.event == "hello" && first.first?.id == start)
        let page = try #require(first.last)
        #expect(page.event == "change")
        // Foundation's own JSON reader drops a BOM inside a string; that it arrived is seen in the event
        // itself.
        #expect(page.data.unicodeScalars.contains("\u{FEFF}"))
        let names = Set(
            Self.hostile.map { $0 == "nul" ? "a\u{0}b" : $0.replacingOccurrences(of: "\u{FEFF}", with: "") })
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(page.data.utf8)) as? [String: Any])
        let records =
            ((json["data"] as? [String: Any])?["products"] as? [String: Any])?["created"] as? [[String: Any]]
        #expect(Set(records?.compactMap { $0["name"] as? String } ?? []) == names)
        // After the cut: only what is new. After a restart: still.
        try insert(daemon, business.id, ["after the cut"])
        let second = try read(client, daemon, token, last: try #require(page.id), count: 1)
        #expect(second.last?.name == "after the cut")
        daemon.kill()
        try insert(daemon, business.id, ["while it was down"])
        try daemon.start()
        let third = try read(client, daemon, token, last: try #require(second.last?.id), count: 1)
        #expect(third.last?.name == "while it was down")
    }

    @Test func aBrowsersEventSourceResumesAfterACutAnEndAndARestart() throws {
        let daemon = try Daemon([
            "stream.lifetime=3s", "stream.retry_base=200ms", "stream.retry_jitter=100ms",
        ])
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        let browser = try Browser(
            url: "http://127.0.0.1:\(daemon.port)/demo/watch#"
                + token.replacingOccurrences(of: "|", with: "%7C"),
            seconds: 90)
        #expect(
            browser.waits(seconds: 30) { $0.status == "live" } != nil,
            "\(browser.last) \(daemon.log().suffix(500))")
        func shows(_ name: String) -> Bool {
            browser.waits(seconds: 20) { $0.rows.contains { $0.contains(name) } } != nil
        }
        for (number, name) in Self.hostile.prefix(5).enumerated() {
            try insert(daemon, business.id, [name + " \(number)."])
            #expect(shows(" \(number).\""), "\(name.debugDescription)")
        }
        // The server ends each stream after some three seconds; the browser comes back by itself, with its
        // cookie.
        let before = try #require(try StreamTests.metric(daemon, "tidings_streams_opened_total"))
        _ = try waitFor(seconds: 15) {
            try StreamTests.metric(daemon, "tidings_streams_opened_total").flatMap {
                $0 > before + 1 ? $0 : nil
            }
        }
        try insert(daemon, business.id, ["after a clean end"])
        #expect(shows("after a clean end"))
        daemon.kill()
        try insert(daemon, business.id, ["while it was down"])
        try daemon.start()
        #expect(shows("while it was down"))
        try insert(daemon, business.id, ["after the restart"])
        #expect(shows("after the restart"))
        #expect(browser.last.rows.filter { $0.contains("while it was down") }.count == 1, "shown once")
        #expect(!browser.sawReset)
    }

    @Test func aSpentTicketIsSaidAloudAndThenStops() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        let issued = try daemon.ask("POST", "/api/v1/sync/ticket", token: token)
        let ticket = try #require(issued.json?["ticket"] as? String)
        #expect(issued.json?["expires_in"] as? Int == 60)
        let stream = try OpenStream(daemon, query: "ticket=\(ticket)")
        let cookie = try #require(stream.fields["set-cookie"]?.split(separator: ";").first.map(String.init))
        #expect(stream.fields["set-cookie"]?.contains("HttpOnly") == true)
        #expect(stream.fields["set-cookie"]?.contains("SameSite=Lax") == true)
        _ = try #require(try stream.next("ready"))
        usleep(300_000)  // the ticket's row is marked on another lane
        // With its own cookie: again, any time. Without: dead, said once, then 204.
        let again = try OpenStream(daemon, query: "ticket=\(ticket)", headers: [("Cookie", "a=b; \(cookie)")])
        #expect(try again.next()?.type == "hello")
        let stolen = try OpenStream(daemon, query: "ticket=\(ticket)")
        #expect(stolen.status == 200)
        let bye = try #require(try stolen.next())
        #expect(bye.type == "bye" && bye.json["reason"] as? String == "credential")
        #expect(try stolen.untilEnd())
        #expect(try OpenStream(daemon, query: "ticket=\(ticket)").status == 204)
        // No credential at all is final.
        #expect(try OpenStream(daemon).status == 401)
        // A revoked token takes its tickets with it.
        try daemon.tidings("token", "revoke", String(token.prefix { $0 != "|" }))
        _ = try #require(try again.next("bye"))
        #expect(
            try OpenStream(daemon, query: "ticket=\(ticket)", headers: [("Cookie", cookie)]).status == 204)
    }
}

/// A page in headless Chromium, watched. From any thread.
private final class Browser: Sendable {
    struct Shown: Decodable {
        var status: String?
        var rows: [String]
    }

    private let shown = Mutex(Shown(status: nil, rows: []))
    private let reset = Mutex(false)
    private let process: Process

    init(url: String, seconds: Int) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: WireTests.python)
        process.arguments = [
            WireTests.clients.appendingPathComponent("browser_watch.py").path, url, "\(seconds)",
        ]
        let output = Pipe.unshared()
        process.standardOutput = output
        try process.start()
        let handle = output.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while true {
                let data = handle.availableData
                if data.isEmpty { return }
                rest += data
                while let newline = rest.firstIndex(of: 0x0A) {
                    let line = rest[..<newline]
                    rest = Data(rest[(newline + 1)...])
                    guard let shown = try? JSONDecoder().decode(Shown.self, from: line) else { continue }
                    self?.reset.withLock { if shown.status?.hasPrefix("reset") == true { $0 = true } }
                    self?.shown.withLock { $0 = shown }
                }
            }
        }
    }

    deinit { process.terminate() }

    var last: Shown { shown.withLock { $0 } }
    var sawReset: Bool { reset.withLock { $0 } }

    func waits(seconds: Double, _ holds: (Shown) -> Bool) -> Shown? {
        waitFor(seconds: seconds) { holds(last) ? last : nil }
    }
}
