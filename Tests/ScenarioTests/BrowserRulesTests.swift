// What pages of other origins may do, and what a running gateway writes down of everybody's secrets: nothing.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct BrowserRulesTests {
    typealias Shop = StreamTests.Shop
    static let origin = "https://pos.example"

    @Test func aConfiguredOriginMayAskAndSeeAndNobodyElse() throws {
        let shop = try Shop(["browser.origins=\(Self.origin)", "browser.preflight_age=5m"])
        let preflight = try shop.daemon.ask(
            "OPTIONS", "/api/v1/sync/full",
            headers: [
                ("Origin", Self.origin), ("Access-Control-Request-Method", "GET"),
                ("Access-Control-Request-Headers", "authorization,last-event-id"),
            ])
        #expect(preflight.status == 204)
        #expect(preflight.fields["access-control-allow-origin"] == Self.origin)
        #expect(preflight.fields["access-control-max-age"] == "300")
        let allowed = preflight.fields["access-control-allow-headers"]?.lowercased() ?? ""
        for name in [
            "authorization", "content-type", "last-event-id", "if-none-match", "if-modified-since",
            "idempotency-key",
        ] { #expect(allowed.contains(name)) }
        // Refusals are readable too, or a page could not tell why.
        for (token, status) in [(shop.till, 200), (nil, 401)] {
            let answer = try shop.daemon.ask(
                "GET", "/sync/full?entities=vats", token: token, headers: [("Origin", Self.origin)])
            #expect(answer.status == status)
            #expect(answer.fields["access-control-allow-origin"] == Self.origin)
            #expect(answer.fields["access-control-expose-headers"]?.contains("X-Request-Id") == true)
            #expect(answer.fields["vary"]?.contains("Origin") == true)
        }
        let stream = try OpenStream(shop.daemon, token: shop.till, headers: [("Origin", Self.origin)])
        #expect(stream.fields["access-control-allow-origin"] == Self.origin)
        for stranger in ["https://evil.example", "http://pos.example", "https://pos.example.evil", "null"] {
            let answer = try shop.daemon.ask(
                "GET", "/sync/full?entities=vats", token: shop.till, headers: [("Origin", stranger)])
            #expect(answer.status == 200 && answer.fields["access-control-allow-origin"] == nil)
            let refused = try shop.daemon.ask(
                "OPTIONS", "/sync/full",
                headers: [("Origin", stranger), ("Access-Control-Request-Method", "GET")])
            #expect(refused.status == 403 && refused.fields["access-control-allow-origin"] == nil)
        }
    }

    @Test func withoutConfiguredOriginsNothingIsSaidOfThem() throws {
        let shop = try Shop()
        let answer = try shop.daemon.ask(
            "GET", "/sync/full?entities=vats", token: shop.till, headers: [("Origin", Self.origin)])
        #expect(answer.status == 200)
        #expect(!answer.fields.keys.contains { $0.hasPrefix("access-control") })
    }

    /// Everything that carries a secret is sent, at the most talkative level, in both formats.
    @Test(arguments: ["text", "json"]) func noSecretIsWrittenDown(_ format: String) throws {
        let shop = try Shop(["logs.level=trace", "logs.format=\(format)"])
        let code = try shop.daemon.tidings("device", "enrol", "--business", "\(shop.business)")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let enrolled = try shop.daemon.ask(
            "POST", "/sync/register", body: #"{"device_id":"x","name":"x","enrolment_code":"\#(code)"}"#)
        #expect(enrolled.status == 201)
        let made = try #require((enrolled.json?["data"] as? [String: Any])?["token"] as? String)
        let ticket = try #require(
            try shop.daemon.ask("POST", "/sync/ticket", token: shop.till).json?["ticket"] as? String)
        let stream = try OpenStream(shop.daemon, query: "ticket=\(ticket)")
        _ = try #require(try stream.next("ready"))
        let cookie = try #require(stream.fields["set-cookie"])
        let value = try #require(cookie.split(separator: ";").first?.split(separator: "=").last)
        // Misplaced and malformed ones too.
        for target in ["/sync/full?token=\(shop.till)", "/sync/stream?ticket=\(ticket)x", "/\(made)"] {
            _ = try shop.daemon.ask(
                "GET", target.replacingOccurrences(of: "|", with: "%7C"), token: made + "x")
        }
        shop.daemon.terminate()
        let log = shop.daemon.log()
        #expect(log.contains("answered") && log.contains("ended"))
        for secret in [shop.till, shop.owner, made].map({ String($0.drop { $0 != "|" }.dropFirst()) })
            + [code, ticket, String(value)]
        {
            #expect(secret.count > 15 && !log.contains(secret))
        }
    }
}
