// The operators' side: who is connected, who is behind, saying goodbye to some or to all, and nobody else
// doing so. The files that are made for it are read by the programs they are for.

import Foundation
import Settings
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct OpsTests {
    private func ops(
        _ daemon: Daemon, _ method: String, _ target: String, headers: [(String, String)] = [],
        body: String? = nil
    ) throws -> Answer {
        try TillSocket.ask(port: daemon.adminPort, method, target, headers: headers, body: body)
    }

    private func connections(_ daemon: Daemon, _ query: String = "") throws -> [[String: Any]] {
        try #require(try ops(daemon, "GET", "/connections\(query)").json?["connections"] as? [[String: Any]])
    }

    @Test func aTillConnectsAndItsRowAppearsAndGoes() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let till = try daemon.register("till-7", by: business.token)
        let other = try daemon.register("till-8", by: business.token)
        let stream = try OpenStream(daemon, token: till)
        _ = try #require(try stream.next("ready"))
        let second = try OpenStream(daemon, token: other)
        _ = try #require(try second.next("ready"))

        let row = try #require(try connections(daemon, "?q=till-7").first)
        #expect(row["device"] as? String == "till-7" && row["business"] as? String == "\(business.id)")
        #expect(row["state"] as? String == "live" && row["lag_changes"] as? Int == 0)
        #expect(row["address"] as? String == "127.0.0.1" && (row["sent_bytes"] as? Int ?? 0) > 0)
        #expect(try connections(daemon, "?limit=1").count == 1)
        #expect(try connections(daemon, "?limit=1&offset=1").count == 1)
        #expect(try connections(daemon, "?state=parked").isEmpty)
        #expect(try ops(daemon, "GET", "/connections?sort=beauty").status == 422)

        let id = try #require(row["stream"] as? String)
        let gone = try ops(daemon, "POST", "/connections/disconnect", body: #"{"stream":"\#(id)"}"#)
        #expect(gone.json?["disconnected"] as? Int == 1)
        #expect(try #require(try stream.next("bye")).json["reason"] as? String == "drain")
        #expect(try stream.untilEnd())
        #expect(waitFor(seconds: 20) { (try? connections(daemon).count) == 1 ? true : nil } == true)
        #expect(try ops(daemon, "POST", "/connections/disconnect", body: "{}").status == 422)
    }

    @Test func devicesThatAreBehindComeFirst() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let (quick, slow) = (
            try daemon.register("quick", by: business.token), try daemon.register("slow", by: business.token)
        )
        func acknowledge(_ token: String, _ position: String) throws {
            let answer = try daemon.ask(
                "POST", "/sync/ack", token: token, body: #"{"sync_token":"\#(position)"}"#)
            #expect(answer.status == 204)
        }
        let stream = try OpenStream(daemon, token: quick)
        try acknowledge(slow, try #require(try stream.next("ready")).lastEventID)
        try daemon.sql("INSERT INTO brands(business_id,name) VALUES(\(business.id),'one');")
        try acknowledge(quick, try #require(try stream.next("change")).lastEventID)

        let listed = try ops(daemon, "GET", "/devices?business=\(business.id)").json
        let devices = try #require(listed?["devices"] as? [[String: Any]])
        #expect(devices.map { $0["device"] as? String } == ["slow", "quick"])
        #expect(devices.map { $0["behind"] as? Int } == [1, 0])
        #expect(devices.map { $0["streams"] as? Int } == [0, 1])
    }

    @Test func otherSitesPagesAndOtherNamesAreRefused() throws {
        let daemon = try Daemon()
        for headers in [
            [("Origin", "http://shop.example")], [("Sec-Fetch-Site", "cross-site")],
            [("Sec-Fetch-Site", "same-site")],
        ] {
            #expect(try ops(daemon, "POST", "/drain", headers: headers).status == 403)
        }
        let rebound = try TillSocket(port: daemon.adminPort)
        try rebound.write("GET /connections HTTP/1.1\r\nHost: shop.example:\(daemon.adminPort)\r\n\r\n")
        #expect(try rebound.readAnswer().status == 403)
        #expect(try ops(daemon, "GET", "/healthz").status == 200)
        #expect(try ops(daemon, "DELETE", "/connections").fields["allow"] == "GET, HEAD")
    }

    @Test func drainingByThePageEndsInOrder() throws {
        let daemon = try Daemon(["drain.closes_per_second=1000"])
        let business = try daemon.newBusiness()
        let stream = try OpenStream(daemon, token: business.token)
        _ = try #require(try stream.next("ready"))
        let answer = try ops(daemon, "POST", "/drain")
        #expect(answer.status == 202 && answer.json?["draining"] as? Bool == true)
        #expect(try #require(try stream.next("bye")).json["reason"] as? String == "drain")
        #expect(try stream.untilEnd())
        #expect(waitFor(seconds: 30) { daemon.log().contains("ended") ? true : nil } == true)
    }

    @Test func theFeedAndTheConfigurationSayWhatIs() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let stream = try OpenStream(daemon, token: business.token)
        _ = try #require(try stream.next("ready"))
        let feed = try TillSocket(port: daemon.adminPort)
        try feed.request("GET", "/feed")
        #expect(try feed.readHead().fields["content-type"]?.hasPrefix("text/event-stream") == true)
        var text = ""
        let figures: Bool? = try waitFor(seconds: 20) {
            text += String(decoding: try feed.read(within: 5) ?? [], as: UTF8.self)
            return text.contains("event: figures") && text.contains(#""streams":1"#) ? true : nil
        }
        #expect(figures == true)
        let settings = try JSONSerialization.jsonObject(with: ops(daemon, "GET", "/config").body)
        let heartbeat = (settings as? [[String: String]])?.first { $0["name"] == "stream.heartbeat" }
        #expect(heartbeat?["value"] == "2s" && heartbeat?["source"]?.contains("command line") == true)
    }

    /// A listening socket that is handed over stays the starter's: what connects in between waits. The tills
    /// come back when they were told to, and find all that was written meanwhile.
    @Test func aRestartOnHandedOverSocketsRefusesNobodyAndLosesNothing() throws {
        let daemon = try Daemon([
            "drain.window=2s", "drain.closes_per_second=100", "limits.streams_per_device=1000",
        ])
        let business = try daemon.newBusiness()
        daemon.terminate()
        let script = WireTests.clients.appendingPathComponent("hand_over.py").path
        let streams = Int(ProcessInfo.processInfo.environment["TIDINGS_TEST_HAND_OVER_STREAMS"] ?? "") ?? 40
        let (status, output) = try runToEnd(
            "/usr/bin/env",
            [
                "python3", script, daemon.database, "\(business.id)", business.token, "\(streams)",
                Daemon.executable.path, "serve",
            ] + daemon.settings.flatMap { ["--set", $0] })
        let last = output.split(separator: "\n").last.map { Data($0.utf8) } ?? Data()
        let found = try #require(
            status == 0 ? JSONSerialization.jsonObject(with: last) as? [String: Any] : nil, "\(output)")
        #expect(found["status"] as? Int == 0 && found["refused_count"] as? Int == 0, "\(found)")
        #expect(found["missing"] as? Int == 0 && found["byes"] as? Int == streams, "\(found)")
        #expect(found["opened"] as? Int == 2 * streams && found["answered"] as? Int ?? 0 > 100, "\(found)")
    }

    /// Who is woken by an alert finds it in the document, and every setting and metric it names is there.
    @Test func theDocumentKnowsEveryAlertAndOnlyMetricsThatExist() throws {
        let alerts = try String(
            contentsOf: WireTests.root.appendingPathComponent("config/prometheus/alerts.yml"), encoding: .utf8
        ).matches(of: /- alert: (\w+)/).map { String($0.1) }
        let document = try String(
            contentsOf: WireTests.root.appendingPathComponent("docs/OPERATIONS.md"), encoding: .utf8)
        let told = document.matches(of: /(?m)^### (Tidings\w+)$/).map { String($0.1) }
        #expect(alerts.count > 8 && told == alerts)
        let daemon = try Daemon()
        let page = try String(decoding: ops(daemon, "GET", "/metrics").body, as: UTF8.self)
        for match in document.matches(of: /`(tidings_[a-z_]+)/) {
            #expect(page.contains("# TYPE \(match.1) "), "\(match.1)")
        }
        let shown = try String(decoding: ops(daemon, "GET", "/config").body, as: UTF8.self)
        let sections = "server|database|stream|limits|canary|drain|journal|retention|browser"
        for match in document.matches(
            of: try Regex("`((?:\(sections))\\.[a-z_]+)", as: (Substring, Substring).self))
        {
            #expect(shown.contains("\"\(match.1)\""), "\(match.1)")
        }
    }

    /// What a client gets at each limit stands in the document as in the configuration's table, with the
    /// metric that counts it and the test that meets it.
    @Test func everyLimitHasAnAnswerAMetricAndATest() throws {
        let root = WireTests.root
        let document = try String(
            contentsOf: root.appendingPathComponent("docs/OPERATIONS.md"), encoding: .utf8)
        let rows = document.matches(
            of: /(?m)^\| `([a-z]+\.[a-z_]+)` \| ([^|]+) \| `([^`]+)` \| `(\w+)\.(\w+)` \|$/)
        let limits = Setting.all.compactMap { setting in setting.beyond.map { (setting.name, $0) } }
        #expect(limits.count > 20 && rows.map { String($0.1) } == limits.map(\.0))
        #expect(rows.map { String($0.2) } == limits.map(\.1))
        let page = try String(decoding: ops(Daemon(), "GET", "/metrics").body, as: UTF8.self)
        let tests = try #require(FileManager.default.enumerator(atPath: root.path + "/Tests"))
            .compactMap { $0 as? String }
        for row in rows {
            #expect(page.contains("\n\(row.3) "), "\(row.3)")
            let file = try #require(tests.first { $0.hasSuffix("/\(row.4).swift") }, "\(row.4)")
            let text = try String(contentsOfFile: root.path + "/Tests/" + file, encoding: .utf8)
            #expect(text.contains("func \(row.5)("), "\(row.4).\(row.5)")
        }
    }

    private func count(_ daemon: Daemon, _ name: String) throws -> Int {
        try #require(try StreamTests.metric(daemon, name), "\(name)")
    }

    /// A change told live, one told to who returned, and reads, each counted where it belongs.
    @Test func latenciesAreCountedLiveAndBacklogApartAndReadsByQuery() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let till = try daemon.register("till", by: business.token)
        let keeper = try OpenStream(daemon, token: business.token)
        _ = try #require(try keeper.next("ready"))
        let stream = try OpenStream(daemon, token: till)
        let last = try #require(try stream.next("ready")).lastEventID
        try daemon.sql("INSERT INTO brands(business_id,name) VALUES(\(business.id),'one');")
        _ = try #require(try stream.next("change"))
        _ = try #require(try keeper.next("change"))
        #expect(try count(daemon, "tidings_commit_to_wire_seconds_count") == 2)
        #expect(try count(daemon, "tidings_backlog_to_wire_seconds_count") == 0)
        // Older than the stream by more than the clock's second.
        _ = try #require(try keeper.next("heartbeat"))
        _ = try #require(try keeper.next("heartbeat"))
        let again = try OpenStream(daemon, token: till, lastEventID: last)
        _ = try #require(try again.next("change"))
        #expect(try count(daemon, "tidings_commit_to_wire_seconds_count") == 2)
        #expect(try count(daemon, "tidings_backlog_to_wire_seconds_count") == 1)
        _ = try daemon.ask("GET", "/sync/full", token: till)
        _ = try daemon.ask("GET", "/sync/changes?sync_token=\(last)", token: till)
        // Counted after the answer was handed over.
        for query in ["full", "changes"] {
            let isCounted = try waitFor(seconds: 20) {
                let name = "tidings_read_seconds_count{query=\"\(query)\"}"
                return try StreamTests.metric(daemon, name) == 1 ? true : nil
            }
            #expect(isCounted == true, "\(query)")
        }
        #expect(try count(daemon, #"tidings_read_seconds_count{query="digest"}"#) == 0)
    }

    /// The gateway's own change arrives on its own stream, in the embedded shop and beside an application,
    /// and nobody else hears of it; what stands still is counted, and said once.
    @Test(arguments: [nil, AttachedApplication.stall])
    func theCanaryIsHeardAndItsSilenceToo(_ application: AttachedApplication?) throws {
        let daemon = try Daemon(
            ["canary.every=1s", "database.busy_timeout=200ms"], attachedTo: application)
        func changes(_ outcome: String) throws -> Int {
            try count(daemon, #"tidings_canary_changes_total{outcome="\#(outcome)"}"#)
        }
        func atLeast(_ least: Int, _ outcome: String) throws -> Bool {
            try waitFor(seconds: 40) { try changes(outcome) >= least ? true : nil } ?? false
        }
        #expect(try atLeast(2, "arrived"))
        #expect(try count(daemon, "tidings_canary_seconds_count") >= 2)
        let row = try #require(try connections(daemon, "?business=tidings-canary").first)
        #expect(row["state"] as? String == "live" && row["agent"] as? String == "tidings-canary")
        #expect(
            try daemon.sql("SELECT count(*) FROM tidings_state WHERE business = 'tidings-canary';") == "1")
        #expect(try daemon.sql("SELECT count(*) FROM tidings_state WHERE dead = 0 AND id = -1;") == "0")

        func complaints() -> Int { daemon.log().matches(of: /the canary's change did not arrive/).count }
        // A machine with other work may have kept one waiting before.
        let well = try changes("arrived")
        #expect(try atLeast(well + 1, "arrived"))
        let (failed, known) = (try changes("failed"), complaints())
        let lock = try WriteLock(daemon)
        #expect(try atLeast(failed + 2, "failed"))
        try lock.release()
        let arrived = try changes("arrived")
        #expect(try atLeast(arrived + 1, "arrived"))
        #expect(complaints() == known + 1)
        #expect(daemon.log().contains("the canary's changes arrive again"))
        // After a restart it has a token of its own again, and that of before is dead.
        #expect(daemon.terminate() == 0)
        try daemon.start()
        #expect(try atLeast(1, "arrived"))
        let tokens = try JSONSerialization.jsonObject(
            with: Data(try daemon.tidings("token", "list", "--json").utf8))
        let own = (tokens as? [[String: Any]])?.filter { $0["name"] as? String == "canary" }
        #expect(own?.count == 2 && own?.count { $0["revoked"] as? Bool == true } == 1, "\(tokens)")
    }

    /// A token that an operator revoked, or that a registry which was put back does not know, is followed by
    /// another.
    @Test(arguments: ["UPDATE tidings_tokens SET revoked_at = 1", "DELETE FROM tidings_tokens"])
    func theCanaryOutlivesItsToken(_ death: String) throws {
        let daemon = try Daemon(["canary.every=1s"])
        func changes(_ outcome: String) throws -> Int {
            try count(daemon, #"tidings_canary_changes_total{outcome="\#(outcome)"}"#)
        }
        func atLeast(_ least: Int, _ outcome: String) throws -> Bool {
            try waitFor(seconds: 40) { try changes(outcome) >= least ? true : nil } ?? false
        }
        #expect(try atLeast(1, "arrived"))
        try daemon.gatewaySQL("\(death) WHERE name = 'canary';")
        #expect(try atLeast(1, "failed"))
        let arrived = try changes("arrived")
        #expect(try atLeast(arrived + 2, "arrived"))
        #expect(daemon.log().contains("the stream is answered 401"))
    }

    @Test func alertsAndDashboardNameMetricsThatExist() throws {
        let daemon = try Daemon()
        let page = try String(decoding: ops(daemon, "GET", "/metrics").body, as: UTF8.self)
        let known = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
                String($0.split(separator: " ")[2])
            })
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        for file in ["config/prometheus/alerts.yml", "config/grafana/tidings.json"] {
            let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
            for match in text.matches(of: /tidings_[a-z_]+/) {
                var name = String(match.output)
                for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
                    name.removeLast(suffix.count)
                }
                #expect(known.contains(name), "\(file): \(name)")
            }
        }
        for arguments in [
            ["check", "rules", "config/prometheus/alerts.yml"],
            ["test", "rules", "config/prometheus/alerts_test.yml"],
        ] {
            let (status, output) = try runToEnd(
                "/usr/bin/env", ["-C", root.path, "promtool"] + arguments)
            #expect(status == 0, "\(output)")
        }
        let (status, output) = try runToEnd("/usr/bin/promtool", ["check", "metrics"], input: page)
        #expect(status == 0 && output.isEmpty, "\(output)")
    }
}
