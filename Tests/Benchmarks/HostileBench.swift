// What hostile peers cost a gateway: the attacks of the tests, with more peers and the default limits' shape.
// And whether the comparison of secrets tells by its time where they differ.

import ArgumentParser
import Foundation
import GRDB
import Registry
import SQLiteEngine
import TidingsTesting

struct HostileBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile", abstract: "What hostile peers cost: memory, time, and others' waiting.")

    @Option(help: "Peers of an attack; a tenth for those that send much.") var peers = 500
    @Flag(help: "A few peers, to see that everything works.") var smoke = false

    private static let secondsMax = 60.0

    func run() throws {
        print(
            "attack          peers  cut after s  taken KiB  grown KiB  cpu %  others' slowest ms  sockets"
        )
        for attack in Attack.allCases {
            let gateway = try TidingsRig(
                Layout(streams: 1, channels: 1), settings: attack.settings, loops: 0, isPinned: false)
            // The gateway writes too.
            let queue = try DatabaseFile(path: gateway.database).open(.writer)
            try queue.write { try $0.execute(sql: "INSERT INTO products(business_id, name) VALUES (1, 'x')") }
            let filler = String(repeating: "x", count: 20_000)
            let token = gateway.requests(channel: 0, count: 1)[0].bearer
            let target = AttackTarget(
                port: gateway.port, pid: gateway.pid, token: token,
                commit: {
                    try queue.write { db in
                        try db.execute(
                            sql: "UPDATE products SET description = ? || random()", arguments: [filler])
                    }
                },
                fill: {
                    try queue.write { db in
                        for _ in 0..<150 {
                            try db.execute(
                                sql:
                                    "INSERT INTO products(business_id, name, description) VALUES (1, 'y', ?)",
                                arguments: [filler])
                        }
                    }
                })
            let count = peers(of: attack)
            show(
                attack.rawValue, peers: count,
                try attack.run(on: target, peers: count, seconds: Self.secondsMax))
        }
        try outOfDescriptors()
        let welch = Self.timing(samples: smoke ? 2_000 : 200_000)
        print(
            "secrets compared: Welch's t of an early against a late difference \(welch.text(2)) (below 4.5)")
        printJSON(["bench": "hostile", "attack": "timing", "welch_t": welch])
    }

    private func peers(of attack: Attack) -> Int {
        let most = smoke ? 20 : peers
        switch attack {
        case .hugeHeads, .uploads, .pipelines: return max(1, most / 10)
        default: return most
        }
    }

    private func show(_ attack: String, peers: Int, _ figures: AttackFigures) {
        let cut = figures.secondsToCut.map { $0.text(2) } ?? "never"
        print(
            attack.padding(toLength: 14, withPad: " ", startingAt: 0), "\(peers)".leftPadded(6),
            cut.leftPadded(12), "\(figures.bytesTaken / 1_024)".leftPadded(10),
            "\(figures.kilobytes)".leftPadded(10), (figures.cpuShare * 100).text(0).leftPadded(6),
            (figures.othersSeconds * 1_000).text(1).leftPadded(19), "\(figures.socketsLeft)".leftPadded(13))
        printJSON([
            "bench": "hostile", "attack": attack, "peers": peers,
            "seconds_to_cut": figures.secondsToCut ?? -1, "bytes_taken": figures.bytesTaken,
            "grown_kib": figures.kilobytes, "cpu_share": figures.cpuShare,
            "others_slowest_ms": figures.othersSeconds * 1_000,
            "sockets_left": figures.socketsLeft,
        ])
    }

    /// Twice as many silent connections as there are descriptors. Nobody else is served meanwhile: what
    /// others wait for is the time from the last one's end to the first answer.
    private func outOfDescriptors() throws {
        let gateway = try TidingsRig(
            Layout(streams: 1, channels: 1), settings: Attack.silence.settings, loops: 0, isPinned: false)
        try Child.run("/usr/bin/prlimit", ["--pid", "\(gateway.pid)", "--nofile=128:128"])
        let before = try ProcessFigures(pid: gateway.pid)
        ProcessFigures.forgetPeak(pid: gateway.pid)
        let count = 256
        let start = Date()
        var crowd = try (0..<count).map { _ in try TillSocket(port: gateway.port) }
        var figures = AttackFigures()
        while !crowd.isEmpty, -start.timeIntervalSinceNow < Self.secondsMax {
            crowd.removeAll { $0.isAtEnd() }
            usleep(20_000)
        }
        let end = Date()
        let after = try ProcessFigures(pid: gateway.pid)
        figures.secondsToCut = crowd.isEmpty ? end.timeIntervalSince(start) : nil
        figures.kilobytes = after.peakKilobytes - before.residentKilobytes
        figures.cpuShare = (after.cpuSeconds - before.cpuSeconds) / end.timeIntervalSince(start)
        let isServed: Bool? = waitFor(seconds: Self.secondsMax) {
            (try? TillSocket.ask(port: gateway.port, "GET", "/nowhere"))?.status == 404 ? true : nil
        }
        figures.othersSeconds = isServed == true ? -end.timeIntervalSinceNow : .infinity
        let isClosed: Bool? = try waitFor(seconds: 30) {
            try ProcessFigures(pid: gateway.pid).sockets <= before.sockets ? true : nil
        }
        figures.socketsLeft =
            isClosed == true ? 0 : try ProcessFigures(pid: gateway.pid).sockets - before.sockets
        show("descriptors", peers: count, figures)
    }

    /// Compares a hash with one that differs in its first byte and one that differs in its last, by turns.
    private static func timing(samples: Int) -> Double {
        let secret = SecretHash(of: "secret")
        func changed(at index: Int) -> SecretHash {
            var digits = Array(secret.hex.utf8)
            digits[index] = digits[index] == 0x30 ? 0x31 : 0x30
            return SecretHash(hex: String(decoding: digits, as: UTF8.self)) ?? secret
        }
        let others = [changed(at: 0), changed(at: 63)]
        var times: [[Double]] = [[], []]
        var equal = 0
        for _ in 0..<(samples * 2) {
            let which = Bool.random() ? 1 : 0
            let start = monotonicNanoseconds()
            for _ in 0..<50 where secret.matches(others[which]) { equal += 1 }
            let took = Double(monotonicNanoseconds() - start)
            // Interrupted measurements say nothing of the comparison.
            if took < 2_000 { times[which].append(took) }
        }
        precondition(equal == 0)
        func moments(_ values: [Double]) -> (mean: Double, error: Double) {
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
            return (mean, variance / Double(values.count))
        }
        let (early, late) = (moments(times[0]), moments(times[1]))
        return abs(early.mean - late.mean) / (early.error + late.error).squareRoot()
    }
}
