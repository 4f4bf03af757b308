// tidings.js outside of a browser: its parts, and the whole against a gateway that misbehaves.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct NodeTests {
    @Test func theModuleKeepsItsPromisesUnderNode() throws {
        let folder = Places.here.appendingPathComponent("Node")
        let tests = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".test.js")
        }
        let (status, output) = try runToEnd(
            "/usr/bin/env", ["node", "--test"] + tests.sorted(), in: folder)
        #expect(status == 0, "\(failures(output))")
    }

    /// What went wrong, without what went well.
    private func failures(_ output: String) -> String {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        let wanted = lines.indices.filter { lines[$0].contains("not ok") }.flatMap { $0..<($0 + 12) }
        let said = wanted.filter(lines.indices.contains).map { String(lines[$0]) }
        return said.isEmpty ? String(output.suffix(2_000)) : said.joined(separator: "\n")
    }
}
