// The client and the demo till in real browsers, against the real gateway. The scenarios are in Browsers/.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct BrowserTests {
    /// Of the hour that is counted.
    private var minutes: String { ProcessInfo.processInfo.environment["TIDINGS_TEST_MINUTES"] ?? "20" }

    @Test(arguments: ["chromium", "firefox"])
    func theTillKeepsItsPromisesIn(_ browser: String) throws {
        let (status, output) = try runToEnd(
            "/usr/bin/env",
            ["TIDINGS_TEST_MINUTES=\(minutes)", Places.python, "scenarios.py", browser, Places.tidings],
            in: Places.here.appendingPathComponent("Browsers"))
        #expect(status == 0, "\(output.suffix(6_000))")
        #expect(output.split(separator: "\n").filter { $0.hasPrefix("ok ") }.count >= 8, "\(output)")
        for line in output.split(separator: "\n") where line.contains("minutes of six pages") {
            print(line)
        }
    }

    /// The operators' page. With a folder of pictures to look at: `Browsers/ops.py chromium TIDINGS FOLDER`.
    @Test(arguments: ["chromium", "firefox"])
    func anOperatorSeesWhoIsBehindAndDisconnectsItIn(_ browser: String) throws {
        let (status, output) = try runToEnd(
            Places.python, ["ops.py", browser, Places.tidings],
            in: Places.here.appendingPathComponent("Browsers"))
        #expect(status == 0, "\(output.suffix(3_000))")
        #expect(output.split(separator: "\n").filter { $0.hasPrefix("ok ") }.count == 5, "\(output)")
    }
}
