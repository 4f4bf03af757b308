// A till that does everything a till may do, in random order: polls with any page size and gives up in the
// middle, streams and is cut anywhere, reads slowly, sleeps, hands over between the two, downloads in full,
// and now and then loses a frame on purpose, to see the position rule notice.

import Domain
import Foundation
import TidingsTesting

/// One till's life in one round. Used by one thread at a time.
final class WanderingTill {
    private let daemon: Daemon
    private let token: String
    private let query: String
    private var random: SeededRandom
    private(set) var till: Till
    /// A frame was dropped on purpose and the rule has not noticed yet: where it ended.
    private var droppedTo: Int64?
    private(set) var dropped = 0
    private(set) var noticed = 0
    /// Dropped frames whose records came again in a later one.
    private(set) var covered = 0
    /// How often it was told to download anew, by reason.
    private(set) var refused: [String: Int] = [:]
    private(set) var pages = 0
    private(set) var streams = 0
    private(set) var events = 0
    private(set) var heartbeats = 0
    /// Stays on its streams for seconds.
    private let isPatient: Bool
    /// Why it may be told to download anew; every other reason is a broken promise.
    private let mayBeRefused: Set<String>
    /// Is silent for seconds now and then.
    private let sleepsLong: Bool

    init(
        daemon: Daemon, token: String, entities: [String]?, foreignCanaries: [String], seed: UInt64,
        isPatient: Bool = false, checksTotals: Bool = true, mayBeRefused: Set<String> = [],
        sleepsLong: Bool = false
    ) {
        self.isPatient = isPatient
        self.mayBeRefused = mayBeRefused
        self.sleepsLong = sleepsLong
        self.daemon = daemon
        self.token = token
        query = entities.map { "&entities=" + $0.joined(separator: ",") } ?? ""
        random = SeededRandom(seed: seed)
        let all = [
            "products", "categories", "brands", "units", "parties", "vats", "payment_types", "warehouses",
            "attributes",
            "attribute_values", "variants",
        ]
        till = Till(entities: Set(entities ?? all))
        till.foreignCanaries = foreignCanaries
        till.checksTotals = checksTotals
        till.invariant = Self.twinsAgree
    }

    /// Twins are written in one transaction: a whole copy holds both or none, with one name.
    static func twinsAgree(_ copy: [String: [String: Till.Held]]) -> String? {
        for (id, held) in copy["attributes"] ?? [:] {
            guard let number = Int(id) else { return "attributes has the id \(id)" }
            let twin = number % 2 == 1 ? number + 1 : number - 1
            guard let other = copy["attributes"]?[String(twin)] else {
                return "half a transaction: \(id) without \(twin)"
            }
            if (held.record["name"] as? String) != (other.record["name"] as? String) {
                return "half a transaction: \(id) and \(twin) differ"
            }
        }
        return nil
    }

    // MARK: Life

    /// Does one thing.
    func step() throws {
        guard till.hasCopy else { return try download() }
        if sleepsLong, Int.random(in: 0..<4, using: &random) == 0 {
            usleep(UInt32.random(in: 1_200_000...2_400_000, using: &random))
        }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<4: try download()
        case 4..<40: try poll(pagesMax: Int.random(in: 1...4, using: &random))
        case 40..<90: try stream()
        case 90..<95: try acknowledge()
        // A long gap: hundreds of changes pass.
        case 95..<97: usleep(UInt32.random(in: 100_000...400_000, using: &random))
        default: usleep(UInt32.random(in: 1_000...60_000, using: &random))
        }
    }

    /// Catches up for good.
    func finish() throws {
        repeat {
            if !till.hasCopy { try download() }
            try poll(pagesMax: 10_000)
        } while !till.hasCopy && till.violations.isEmpty
    }

    private func download() throws {
        let answer = try daemon.askPatiently("/api/v1/sync/full?x=1" + query, token: token)
        guard answer.status == 200 else { return till.complain("full answered \(answer.status)") }
        till.full(answer.body)
        droppedTo = nil
    }

    /// Pages until nothing is left, or until it gives up.
    private func poll(pagesMax: Int) throws {
        for _ in 0..<pagesMax {
            guard let position = till.token else { return }
            pages += 1
            let limit = [1, 2, 3, 7, 20, 100, 1_000].randomElement(using: &random) ?? 100
            let answer = try daemon.askPatiently(
                "/sync/changes?sync_token=\(position)&limit=\(limit)" + query, token: token)
            if answer.status == 410 {
                till.refused()
                return refuse(answer.json?["reason"] as? String ?? "?", "a 410")
            }
            guard answer.status == 200 else { return till.complain("changes answered \(answer.status)") }
            let hasMore = till.changes(answer.body, from: till.position)
            if let dropped = droppedTo, till.position >= dropped { droppedTo = nil }
            if !hasMore { return }
        }
    }

    private func stream() throws {
        guard let position = till.token else { return }
        streams += 1
        let isSlow = Int.random(in: 0..<6, using: &random) == 0
        let socket = try TillSocket(port: daemon.port, receiveBuffer: isSlow ? 2_048 : 0)
        var headers = [("Authorization", "Bearer \(token)"), ("Accept", "text/event-stream")]
        var target = "/sync/stream?x=1" + query
        if Bool.random(using: &random) {
            headers.append(("Last-Event-ID", position))
        } else {
            target += "&sync_token=\(position)"
        }
        try socket.request("GET", target, headers: headers)
        let (status, _) = try socket.readHead()
        guard status == 200 else { return till.complain("the stream answered \(status)") }
        till.streamOpened()
        // Resumed from before the lost frame: it comes again.
        droppedTo = nil
        try follow(socket, bytesMax: cutAfter(), isSlow: isSlow)
        if Bool.random(using: &random) { socket.resetOnClose() }
    }

    /// Where this stream will be cut; mostly not at all within its time.
    private func cutAfter() -> Int {
        Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...6_000, using: &random) : .max
    }

    private func follow(_ socket: TillSocket, bytesMax: Int, isSlow: Bool) throws {
        var parser = EventStreamParser()
        var left = bytesMax
        let stay = Double.random(in: isPatient ? 1.5...2.5 : 0.02...0.5, using: &random)
        // A slow reader first takes nothing at all: the tail moves on without it.
        if isSlow { usleep(UInt32.random(in: 50_000...300_000, using: &random)) }
        let end = Date().addingTimeInterval(stay)
        let losesFrames = Int.random(in: 0..<3, using: &random) == 0
        while Date() < end, left > 0 {
            let most = isSlow ? 64 : min(left, 65_536)
            let received: [UInt8]?
            do {
                received = try socket.read(within: 0.02, atMost: most)
            } catch {
                // Who takes too little to be told goodbye is cut with RST.
                if isSlow { return }
                throw error
            }
            guard let bytes = received else { continue }
            if bytes.isEmpty { return }
            left -= bytes.count
            if isSlow { usleep(300) }
            for event in parser.receive(bytes) {
                events += 1
                if event.type == "heartbeat" { heartbeats += 1 }
                if losesFrames, event.type == "change", droppedTo == nil,
                    Int.random(in: 0..<4, using: &random) == 0
                {
                    drop(event)
                    continue
                }
                guard try accept(event) else { return }
            }
        }
    }

    /// Loses a frame before the till sees it.
    private func drop(_ event: StreamEvent) {
        guard let data = try? JSONSerialization.jsonObject(with: Data(event.data.utf8)) as? [String: Any],
            let to = (data["to"] as? NSNumber)?.int64Value, to > till.position
        else { return }
        droppedTo = to
        dropped += 1
    }

    /// False when the stream is of no more use.
    private func accept(_ event: StreamEvent) throws -> Bool {
        let before = till.position
        let rule = till.receive(event)
        if till.position < before { till.complain("the position went back from \(before)") }
        if event.type == "reset" {
            refuse(event.json["reason"] as? String ?? "?", "a reset")
            return false
        }
        if rule == .missing {
            if droppedTo == nil { till.complain("a false alarm: \(event.type) \(event.data.prefix(120))") }
            noticed += 1
            try poll(pagesMax: 10_000)
        } else if let dropped = droppedTo, till.position >= dropped, rule == .apply {
            // A stream that read pages joins a tail frame that begins before them: what was lost comes again,
            // and the copy is compared right after. Nothing comes again in an event without records.
            if event.type != "change" {
                till.complain("a dropped frame to \(dropped) went unnoticed by \(event.type)")
            }
            covered += 1
            droppedTo = nil
        }
        return event.type != "bye" && till.hasCopy
    }

    private func refuse(_ reason: String, _ how: String) {
        refused[reason, default: 0] += 1
        if !mayBeRefused.contains(reason) { till.complain("\(how) for \(reason), which may not be") }
    }

    private func acknowledge() throws {
        guard let position = till.token, !till.isProvisional else { return }
        let answer = try daemon.ask(
            "POST", "/api/v1/sync/ack", token: token, body: #"{"sync_token":"\#(position)"}"#)
        if answer.status != 204 { till.complain("ack answered \(answer.status)") }
    }
}

extension WanderingTill {
    /// What a life came to. A value.
    struct Life: Sendable {
        var problems: [String] = []
        var checkpoints: [Till.Checkpoint] = []
        var refused: [String: Int] = [:]
    }

    /// Lives until the round is over, then catches up.
    func live(until isOver: () -> Bool) -> Life {
        var life = Life()
        do {
            while !isOver() && till.violations.isEmpty { try step() }
            try finish()
        } catch {
            life.problems.append("\(error)")
        }
        life.problems += till.violations
        life.checkpoints = till.checkpoints
        life.refused = refused
        return life
    }
}
