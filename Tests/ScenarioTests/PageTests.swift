// The browser's files: served, cached by tag, allowed to load nothing else.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct PageTests {
    @Test func eachFileHasATagAndIsNotSentAgain() throws {
        let daemon = try Daemon()
        for (path, type) in [
            ("/client/tidings.js", "text/javascript; charset=utf-8"),
            ("/client/tidings.d.ts", "text/plain; charset=utf-8"),
            ("/client/package.json", "application/json"), ("/demo/", "text/html; charset=utf-8"),
            ("/demo/till.js", "text/javascript; charset=utf-8"),
            ("/demo/shelf.js", "text/javascript; charset=utf-8"),
            ("/demo/grid.js", "text/javascript; charset=utf-8"),
            ("/demo/till.css", "text/css; charset=utf-8"),
            ("/demo/watch", "text/html; charset=utf-8"),
            ("/openapi.json", "application/json"), ("/api/v1/openapi.json", "application/json"),
        ] {
            let answer = try daemon.ask("GET", path)
            #expect(answer.status == 200 && !answer.body.isEmpty, "\(path)")
            #expect(answer.fields["content-type"] == type, "\(path)")
            #expect(answer.fields["x-content-type-options"] == "nosniff")
            let tag = try #require(answer.fields["etag"])
            for known in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
                let again = try daemon.ask("GET", path, headers: [("If-None-Match", known)])
                #expect(
                    again.status == 304 && again.body.isEmpty && again.fields["etag"] == tag,
                    "\(path) \(known)")
            }
            #expect(try daemon.ask("GET", path, headers: [("If-None-Match", "\"other\"")]).status == 200)
            #expect(try daemon.ask("HEAD", path).fields["etag"] == tag)
            #expect(try daemon.ask("POST", path).status == 405)
        }
    }

    @Test func theTillMayRunNothingButItsOwnFiles() throws {
        let policy = try #require(try Daemon().ask("GET", "/demo/").fields["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
        #expect(!policy.contains("http:") && !policy.contains("https:") && !policy.contains("data:"))
    }
}
