// RFC 9110 § 13: which tags match, what decides when both validators are there, which dates vouch for what.

import Domain
import Testing

@testable import HTTP

@Suite struct ConditionalTests {
    private let now = Timestamp(rfc3339: "2026-01-03T10:00:10Z") ?? Timestamp(microseconds: 0)
    private let changed = Timestamp(rfc3339: "2026-01-03T10:00:00.700Z") ?? Timestamp(microseconds: 0)

    private func isKnown(
        _ fields: [(String, String)], method: String = "GET", weak: Bool = false, at time: Timestamp? = nil
    ) -> Bool {
        var request = Request()
        request.method = method
        request.fields = fields.map { Request.Field(name: $0.0, value: $0.1) }
        return Validators(tag: EntityTag("v5", isWeak: weak), changedAt: changed).areKnown(
            to: request, at: time ?? now)
    }

    @Test(arguments: [
        "\"v5\"", "W/\"v5\"", "*", " * ", "\"v4\", \"v5\"", "\"v4\",W/\"v5\"", "\"a,b\", \"v5\"",
        "v5, \"v5\"",
        ",, \"v5\" ,", "\"\", \"v5\"",
    ]) func theseNameIt(_ value: String) {
        #expect(isKnown([("if-none-match", value)]))
        #expect(isKnown([("if-none-match", value)], weak: true))
    }

    @Test(arguments: ["\"v4\"", "v5", "", "W/v5", "w/\"v5\"", "\"v5", "\"v5-12345678\"", "\"v5 \""])
    func theseDoNot(_ value: String) {
        // Garbage decides too: a date beside it is not asked.
        let date = ("if-modified-since", "Sat, 03 Jan 2026 10:00:05 GMT")
        #expect(!isKnown([("if-none-match", value), date]))
    }

    @Test func aListGoesOnOverLines() {
        #expect(isKnown([("if-none-match", "\"v1\""), ("if-none-match", "\"v5\"")]))
    }

    @Test func aTagDecidesAlone() {
        let later = ("if-modified-since", "Sat, 03 Jan 2026 10:00:05 GMT")
        #expect(!isKnown([("if-none-match", "\"v4\""), later]))
        let earlier = ("if-modified-since", "Sat, 03 Jan 2026 09:00:00 GMT")
        #expect(isKnown([("if-none-match", "\"v5\""), earlier]))
    }

    /// § 13.2.2: whoever wants one state and no other is told when it is another, before anything else is
    /// looked at. Strong comparison.
    @Test(arguments: [
        ([("if-match", "\"v5\"")], 200), ([("if-match", "*")], 200), ([("if-match", "\"v4\", \"v5\"")], 200),
        ([("if-match", "\"v4\"")], 412), ([("if-match", "W/\"v5\"")], 412), ([("if-match", "rubbish")], 412),
        ([("if-match", "\"v4\""), ("if-none-match", "\"v5\"")], 412),
        ([("if-match", "\"v5\""), ("if-none-match", "\"v5\"")], 304),
        ([("if-unmodified-since", "Sat, 03 Jan 2026 10:00:00 GMT")], 200),
        ([("if-unmodified-since", "Sat, 03 Jan 2026 09:59:59 GMT")], 412),
        ([("if-unmodified-since", "yesterday")], 200),
        ([("if-match", "\"v5\""), ("if-unmodified-since", "Sat, 03 Jan 2026 09:59:59 GMT")], 200),
    ]) func whoWantsAnotherStateIsTold(_ fields: [(String, String)], _ status: Int) throws {
        var response = Response.json([UInt8](repeating: 0x20, count: 2_000))
        response.validators = Validators(tag: EntityTag("v5"), changedAt: changed)
        var request = Request()
        // Compressed or not, it is the same state.
        for coding in ["identity", "gzip"] {
            request.fields = (fields + [("accept-encoding", coding)]).map {
                Request.Field(name: $0.0, value: $0.1)
            }
            #expect(response.negotiated(for: request, at: now).status == status, "\(fields)")
        }
    }

    @Test func onlyReadsAreConditional() {
        #expect(isKnown([("if-none-match", "*")], method: "HEAD"))
        #expect(!isKnown([("if-none-match", "*")], method: "POST"))
    }

    @Test(arguments: [
        ("Sat, 03 Jan 2026 10:00:00 GMT", true), ("Mon, 03 Jan 2026 10:00:00 GMT", true),
        ("Saturday, 03-Jan-26 10:00:00 GMT", true), ("Sat Jan  3 10:00:00 2026", true),
        ("Sat, 03 Jan 2026 10:00:09 GMT", true), ("Sat, 03 Jan 2026 09:59:59 GMT", false),
        // Ahead of us: no date that we gave.
        ("Sat, 03 Jan 2026 11:00:00 GMT", false), ("Sat, 03 Jan 2026 10:00:00", false),
        ("2026-01-03T10:00:00Z", false), ("Sat, 31 Feb 2026 10:00:00 GMT", false), ("", false),
        ("Sat, 03 Jan 2026 10:00:00 +0000", false), ("Sat, 03 Jan 2026 10:00:00.5 GMT", false),
    ]) func datesVouch(_ value: String, _ isKnown: Bool) {
        #expect(self.isKnown([("if-modified-since", value)]) == isKnown)
    }

    /// Two changes within a second: whoever saw the first must be sent the second.
    @Test func aDateVouchesForNothingThatMayShareIt() throws {
        func at(_ second: Double) -> Timestamp {
            Timestamp(microseconds: Int64(1_767_434_400_000_000 + second * 1_000_000))
        }
        let first = Validators(tag: EntityTag("v4"), changedAt: at(0.2))
        let second = Validators(tag: EntityTag("v5"), changedAt: at(0.8))
        // Fetched between the two, and when the second is settled.
        for asked in [0.5, 1.5] {
            let given = try #require(first.lastModified(at: at(asked)))
            var request = Request()
            request.fields = [Request.Field(name: "if-modified-since", value: HTTPDate.text(given))]
            for again in [0.9, 2.0, 3.0, 1_000] {
                #expect(!second.areKnown(to: request, at: at(again)), "\(asked) \(again)")
            }
        }
        #expect(second.lastModified(at: at(2.8)) == at(0))
        #expect(second.lastModified(at: at(2.7)) == at(-1))
    }

    @Test(arguments: [
        ("gzip", true), ("gzip, br", true), ("GZIP;q=0.5", true), ("x-gzip", true), ("*", true),
        ("br", false),
        ("", false), ("gzip;q=0", false), ("gzip; q=0.000", false), ("*;q=0", false), ("gzip;q=0, *", false),
        ("identity", false), ("gzip;q=0.5, identity;q=1", false), ("gzip;q=0.5, identity;q=0.5", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true), ("gzip;q=x", false), ("gzipped", false),
    ]) func whoGetsGzip(_ value: String, _ isWanted: Bool) {
        var request = Request()
        if !value.isEmpty { request.fields = [Request.Field(name: "accept-encoding", value: value)] }
        #expect(request.acceptsGzip == isWanted)
    }

    @Test func a304SaysWhatIts200Would() {
        var response = Response.json(
            [UInt8](repeating: 0x20, count: 2_000), fields: [("Cache-Control", "private, no-cache")])
        response.validators = Validators(tag: EntityTag("v5"), changedAt: changed)
        var request = Request()
        for coding in ["identity", "gzip"] {
            request.fields = [Request.Field(name: "accept-encoding", value: coding)]
            let whole = response.negotiated(for: request, at: now)
            #expect(whole.status == 200)
            let tag = whole.fields.first { $0.name == "ETag" }?.value
            #expect(tag == (coding == "gzip" ? "W/\"v5\"" : "\"v5\""))
            request.fields.append(Request.Field(name: "if-none-match", value: tag ?? ""))
            let known = response.negotiated(for: request, at: now)
            #expect(known.status == 304 && known.body.length == 0)
            for name in ["ETag", "Last-Modified", "Cache-Control", "Vary"] {
                let (one, other) = (
                    known.fields.filter { $0.name == name }, whole.fields.filter { $0.name == name }
                )
                #expect(one.map(\.value) == other.map(\.value) && one.count == 1, "\(name)")
            }
            #expect(!known.fields.contains { $0.name == "Content-Type" || $0.name == "Content-Encoding" })
        }
    }

    @Test func smallAnswersAndOtherTypesStayPlain() {
        var request = Request()
        request.fields = [Request.Field(name: "accept-encoding", value: "gzip")]
        func isPlain(_ response: Response) -> Bool {
            !response.negotiated(for: request, at: now).fields.contains { $0.name == "Content-Encoding" }
        }
        #expect(isPlain(.json([UInt8](repeating: 0x20, count: 1_024))))
        #expect(!isPlain(.json([UInt8](repeating: 0x20, count: 1_025))))
        // A failed batch tells of every operation.
        #expect(!isPlain(.json([UInt8](repeating: 0x20, count: 1_025), status: 422)))
        #expect(
            isPlain(
                Response(
                    status: 200, fields: [("Content-Type", "text/html")],
                    body: .bytes([UInt8](repeating: 0x20, count: 5_000)))))
    }

    @Test func varyIsOneField() {
        var response = Response(status: 200, fields: [("Vary", "Accept")])
        response.vary(on: "Origin")
        response.vary(on: "accept")
        #expect(response.fields.map(\.value) == ["Accept, Origin"])
    }
}
