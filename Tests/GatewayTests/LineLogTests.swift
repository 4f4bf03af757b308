// One event, one line, no secret.

import Lanes
import Logging
import Settings
import Testing
import TidingsTesting

@testable import Gateway

@Suite struct LineLogTests {
    static let secret = "Abcdefghijklmnopqrstuvwxyz0123456789ABCD12345678"

    func lines(_ format: LogFormat, _ log: (Logger) -> Void) -> [String] {
        let written = Recorder<String>()
        let logger = Logger(label: "test") { _ in
            LineLog(format: format, level: LogThreshold(.trace)) {
                written.record(String(decoding: $0, as: UTF8.self))
            }
        }
        log(logger)
        return written.all
    }

    @Test(arguments: [LogFormat.text, .json])
    func hostileTextsStayOnOneLine(_ format: LogFormat) {
        let hostile = "a\r\nb\u{1B}[31m\u{0}\u{2028}\u{85} level=error"
        let lines = lines(format) { $0.info("\(hostile)", metadata: ["agent": "\(hostile)"]) }
        #expect(lines.count == 1)
        #expect(
            lines[0].unicodeScalars.dropLast().allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
            })
        #expect(lines[0].hasSuffix("\n") && !lines[0].dropLast().contains("\n"))
    }

    @Test(arguments: [
        "Authorization: Bearer 17|\(secret)", "token 17|\(secret) was refused",
        "GET /sync/stream?ticket=\(secret)&x=1",
        "cookie tidings_ab12cd34=\(secret); other=1", "bearer \(secret)", "?sync_token=1&token=\(secret)",
        "GET /sync/\(secret)", "/a/\(secret)/b|\(secret)",
    ])
    func whatReadsLikeASecretIsNotWritten(_ text: String) {
        for format in [LogFormat.text, .json] {
            let line = lines(format) { $0.error("\(text)", metadata: ["why": "\(text)"]) }[0]
            #expect(!line.contains(Self.secret), "\(line)")
            #expect(line.contains("•••"))
        }
    }

    @Test func ordinaryTextsAreLeftAlone() {
        let line = lines(.text) { $0.info("a|b 3|x tidings_streams 7", metadata: ["streams": "6"]) }[0]
        #expect(line.hasSuffix(" info a|b 3|x tidings_streams 7 streams=6\n"))
        let ids = "Aa4fgJyfwAEAtyAE_iAt_h_MxB0 0192f0c1-7d3a-7000-8000-000000000001 /api/v1/sync/changes"
        #expect(lines(.text) { $0.info("\(ids)") }[0].hasSuffix(" info \(ids)\n"))
    }
}
