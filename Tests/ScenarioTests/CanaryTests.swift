// Secrets stay where they are: tokens, tickets, cookies and enrolment codes, presented in every way and in
// every place that a client, a proxy or a mistake may put them, are found in no log line at debug level, no
// metric, no answer but the one that hands them out, and no page of the admin listener.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CanaryTests {
    /// What is looked for, and everything in which it is.
    private struct Hunt {
        private(set) var canaries: [String] = []
        var texts: [(from: String, text: String)] = []

        /// The secret part: an id is no secret.
        mutating func hide(_ secret: String) {
            canaries.append(String(secret.split(separator: "|").last ?? ""))
        }

        mutating func keep(_ from: String, _ answer: Answer) {
            let fields = answer.fields.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
            texts.append((from, fields + String(decoding: answer.body, as: UTF8.self)))
        }

        var found: [String] {
            texts.flatMap { place in
                canaries.filter { place.text.contains($0) }.map { "\($0) in \(place.from)" }
            }
        }
    }

    @Test(arguments: ["text", "json"])
    func noSecretIsEverRepeated(_ format: String) throws {
        let daemon = try Daemon(["logs.level=debug", "logs.format=\(format)"])
        var hunt = Hunt()
        let business = try daemon.newBusiness()
        let till = try daemon.register("till", by: business.token)
        let ticket = try TicketWireTests.ticket(daemon, till)
        let code = try enrolmentCode(daemon, business.id)
        let stream = try OpenStream(daemon, query: "ticket=\(ticket)")
        _ = try #require(try stream.next("ready"))
        let cookie = try #require(stream.fields["set-cookie"]?.split(separator: ";").first.map(String.init))
        for secret in [business.token, till, ticket, code, String(cookie.split(separator: "=")[1])] {
            hunt.hide(secret)
        }
        // What nobody was given looks the same to a log.
        let forged = "77|F0rgedSecretThatNobodyWasGivenAtAll01"
        hunt.hide(forged)
        for secret in [business.token, till, ticket, code, cookie, forged] {
            try present(secret, to: daemon, &hunt)
        }
        try daemon.tidings("token", "revoke", String(till.prefix { $0 != "|" }))
        #expect(try stream.next("bye") != nil)
        try present(till, to: daemon, &hunt)
        for path in ["/metrics", "/healthz", "/readyz", "/", "/admin", "/connections", "/?token=\(till)"] {
            hunt.keep("admin \(path)", try TillSocket.ask(port: daemon.adminPort, "GET", path, token: till))
        }
        for command in [["token", "list"], ["device", "list"], ["user", "list"], ["config", "show"]] {
            let (_, output) = try runToEnd(
                Daemon.executable.path, command + daemon.settings.flatMap { ["--set", $0] })
            hunt.texts.append((command.joined(separator: " "), output))
        }
        daemon.terminate()
        hunt.texts.append(("the log", daemon.log()))
        #expect(hunt.texts.last.map { $0.text.split(separator: "\n").count > 100 } == true)
        #expect(hunt.found.isEmpty, "\(hunt.found.joined(separator: "\n"))")
    }

    /// In every place, well-formed and not.
    private func present(_ secret: String, to daemon: Daemon, _ hunt: inout Hunt) throws {
        let escaped = secret.replacingOccurrences(of: "|", with: "%7C")
        let targets = [
            "/sync/full?token=\(escaped)", "/sync/changes?sync_token=\(escaped)",
            "/sync/changes?since=\(escaped)", "/sync/full?entities=\(escaped)", "/sync/full?limit=\(escaped)",
            "/sync/stream?sync_token=\(escaped)&entities=nothing", "/sync/\(escaped)", "/\(escaped)",
            "/demo/?x=\(escaped)",
        ]
        for target in targets {
            hunt.keep(target, try daemon.ask("GET", target))
            hunt.keep(target, try daemon.ask("GET", target, token: "1|" + String(repeating: "x", count: 30)))
        }
        for headers in [
            [("Authorization", "Bearer \(secret)x")], [("Authorization", secret)],
            [("Authorization", "Basic \(secret)")], [("Cookie", "a=\(secret)")], [("X-Token", secret)],
            [("User-Agent", secret)], [("Last-Event-ID", secret)], [("If-None-Match", "\"\(secret)\"")],
            [("Host", secret)], [("Origin", "http://\(secret)")], [(secret, "x")],
            [("X-Forwarded-For", secret)], [("X-Request-Id", secret)], [("Transfer-Encoding", secret)],
        ] {
            hunt.keep("\(headers)", try daemon.ask("GET", "/sync/changes", headers: headers))
        }
        for body in [
            #"{"device_id":"\#(secret)","name":"\#(secret)"}"#, #"{"enrolment_code":"\#(secret)x"}"#,
            #"{"device_id":"a","name":"b","enrolment_code":"\#(secret)x"}"#, #"{"sync_token":"\#(secret)"}"#,
            secret, #"{"\#(secret)":1,"\#(secret)":2}"#,
        ] {
            for path in ["/sync/register", "/sync/ack", "/sync/ticket"] {
                hunt.keep(path, try daemon.ask("POST", path, body: body))
                hunt.keep(path, try daemon.ask("POST", path, token: secret + "x", body: body))
            }
        }
        let socket = try TillSocket(port: daemon.port)
        try socket.write("\(secret) /\(secret) HTTP/1.1\r\nHost: \(secret)\r\n\r\n")
        hunt.keep("a malformed request", try socket.readAnswer())
    }

    private func enrolmentCode(_ daemon: Daemon, _ business: Int) throws -> String {
        try daemon.tidings("device", "enrol", "--business", "\(business)")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
