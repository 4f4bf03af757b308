// The doctor: finds what is wrong, and nothing where nothing is.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct DoctorTests {
    private struct Report: Decodable {
        struct Finding: Decodable {
            let check: String
            let state: String
            let text: String
            let remedy: String?
        }

        let state: String
        let findings: [Finding]

        func of(_ check: String) -> Finding? { findings.first { $0.check == check } }
        var wrong: [String] { findings.filter { $0.state == "warning" || $0.state == "broken" }.map(\.check) }
    }

    private func doctor(
        _ daemon: Daemon, through program: [String] = [], _ more: [String] = []
    ) throws -> (status: Int32, report: Report) {
        let command =
            program + [Daemon.executable.path, "doctor", "--json", "--pid", "\(daemon.pid)"] + more
            + daemon.settings.flatMap { ["--set", $0] } + ["--set", "limits.connections=500"]
        let (status, output) = try runToEnd("/usr/bin/env", command)
        let line = try #require(output.split(separator: "\n").last { $0.hasPrefix("{") }, "\(output)")
        return (status, try JSONDecoder().decode(Report.self, from: Data(line.utf8)))
    }

    private func tokenFile(_ daemon: Daemon) throws -> String {
        let business = try daemon.newBusiness()
        let file = daemon.directory.appendingPathComponent("token")
        try Data((try daemon.register("doctor", by: business.token) + "\n").utf8).write(to: file)
        return file.path
    }

    @Test func aHealthyGatewayIsFineAndItsWayIsFree() throws {
        let daemon = try Daemon()
        let (status, report) = try doctor(
            daemon,
            ["--url", "http://127.0.0.1:\(daemon.port)", "--seconds", "5", "--token-file", tokenFile(daemon)])
        #expect(status == 0 && report.wrong.isEmpty, "\(report)")
        for check in [
            "database", "hooks", "open files", "disk", "way: buffering", "way: heartbeats", "way: cut",
        ] {
            #expect(report.of(check)?.state == "fine", "\(check): \(report)")
        }
        #expect(report.of("versions")?.text.contains("libevent 2.") == true)
    }

    @Test func driftedHooksAreNamed() throws {
        let daemon = try Daemon()
        daemon.kill()
        let name = try daemon.sql(
            "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='brands' LIMIT 1;")
        try daemon.sql("DROP TRIGGER \"\(name)\";")
        let (status, report) = try doctor(daemon)
        #expect(status == 1 && report.wrong == ["hooks"], "\(report)")
        #expect(report.of("hooks")?.text.contains("missing: \(name)") == true, "\(report)")
        try daemon.tidings("hooks", "install")
        #expect(try doctor(daemon).status == 0)
    }

    /// Made by whoever opened the database first, and shut to its owner.
    @Test(arguments: ["-wal", "-shm"]) func filesThatTheOwnerMayNotWriteAreNamed(_ suffix: String) throws {
        let daemon = try Daemon()
        #expect(try doctor(daemon).report.of("owners")?.state == "fine")
        let path = daemon.database + suffix
        func set(_ attribute: FileAttributeKey, _ value: Int, of path: String) throws {
            try FileManager.default.setAttributes([attribute: value], ofItemAtPath: path)
        }
        // Only root can give a file away; whoever else tests takes the right from himself.
        let isRoot = getuid() == 0
        if isRoot { try set(.ownerAccountID, 65_534, of: daemon.database) }
        try set(.posixPermissions, isRoot ? 0o644 : 0o444, of: path)
        let (status, report) = try doctor(daemon)
        #expect(status == 1 && report.wrong == ["owners"], "\(report)")
        #expect(report.of("owners")?.text.contains(path) == true, "\(report)")
        for suffix in ["-wal", "-shm"] { try set(.posixPermissions, 0o666, of: daemon.database + suffix) }
        #expect(try doctor(daemon).status == 0)
    }

    @Test func tooFewDescriptorsAreToldAndWhatToWrite() throws {
        let daemon = try Daemon(descriptors: 400)
        let (status, report) = try doctor(daemon)
        #expect(status == 1 && report.wrong == ["open files"], "\(report)")
        #expect(report.of("open files")?.text.contains("may open 400") == true, "\(report)")
        #expect(report.of("open files")?.remedy?.contains("LimitNOFILE=700") == true)
    }

    @Test func aFileThatIsNotThereIsBroken() throws {
        let daemon = try Daemon()
        daemon.kill()
        try FileManager.default.removeItem(atPath: daemon.database)
        let (status, report) = try doctor(daemon)
        #expect(status == 2 && report.wrong == ["database"], "\(report)")
    }

    /// Behind a real nginx that keeps what it should pass on, packs it, or cuts it: that is found, and
    /// nothing else.
    @Test(arguments: [
        ("buffers", "way: buffering", "proxy_buffering off"), ("compresses", "way: compression", "gzip off"),
        ("cuts", "way: cut", "proxy_read_timeout"),
    ])
    func aProxyThatDoesHarmIsNoticed(_ harm: String, _ check: String, _ remedy: String) throws {
        // Longer than the time after which the last of them cuts.
        let daemon = try Daemon(harm == "cuts" ? ["stream.heartbeat=4s"] : [])
        let script = WireTests.clients.appendingPathComponent("behind_proxy.py").path
        let (status, report) = try doctor(
            daemon, through: ["python3", script, harm, "\(daemon.port)"],
            ["--url", "URL", "--seconds", "8", "--token-file", tokenFile(daemon)])
        #expect(status == 2 && report.wrong == [check], "\(report)")
        #expect(report.of(check)?.remedy?.contains(remedy) == true)
    }

    @Test func aRefusedTokenAndAClosedDoorAreToldApart() throws {
        let daemon = try Daemon()
        let file = daemon.directory.appendingPathComponent("token")
        try Data("1|nobody".utf8).write(to: file)
        let options = ["--seconds", "5", "--token-file", file.path, "--url"]
        let refused = try doctor(daemon, options + ["http://127.0.0.1:\(daemon.port)"])
        #expect(refused.status == 2 && refused.report.of("way: open")?.text.hasSuffix("answers 401") == true)
        daemon.terminate()
        let closed = try doctor(daemon, options + ["http://127.0.0.1:\(daemon.port)"])
        #expect(closed.status == 2 && closed.report.of("way: open")?.text.contains("curl") == true)
    }
}
