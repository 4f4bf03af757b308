// The reference till: a client that keeps a copy by the protocol's rules alone, and writes down every time
// the server breaks one. It shares no code with the server but the digest.

import Domain
public import Foundation

/// A till's copy and its position. A value.
public struct Till {
    /// What it holds of one record.
    public struct Held {
        public let version: Int64
        public let record: NSDictionary
    }

    /// A moment at which the copy was promised to equal the database.
    public struct Checkpoint: Sendable {
        public let epoch: String
        public let position: Int64
        public let entities: Set<String>
        /// Entity → id → version.
        public let versions: [String: [String: Int64]]
        public let why: String

        public init(
            epoch: String, position: Int64, entities: Set<String>, versions: [String: [String: Int64]],
            why: String
        ) {
            self.epoch = epoch
            self.position = position
            self.entities = entities
            self.versions = versions
            self.why = why
        }
    }

    /// What the position rule says of a range.
    public enum Rule { case drop, apply, missing }

    public private(set) var copy: [String: [String: Held]] = [:]
    public private(set) var epoch = ""
    public private(set) var position: Int64 = -1
    public private(set) var token: String?
    public private(set) var isProvisional = false
    /// Rules that were broken.
    public private(set) var violations: [String] = []
    public private(set) var checkpoints: [Checkpoint] = []
    public private(set) var missingAlarms = 0
    public private(set) var entities: Set<String>
    /// No byte of another business may hold this.
    /// Whether total and digest must agree at every whole copy. Not while somebody takes hooks away: what is
    /// written then is put right a moment later.
    public var checksTotals = true
    public var foreignCanaries: [String] = []
    /// Called on the copy at every checkpoint; returns what is wrong.
    public var invariant: (([String: [String: Held]]) -> String?)?
    private var wasReset = false
    private var isReady = false
    private var greeting = ""

    public init(entities: Set<String>) { self.entities = entities }

    /// Whether it has a whole copy to go on from.
    public var hasCopy: Bool { token != nil && !wasReset }

    public mutating func complain(_ text: String) { violations.append("at \(position): \(text)") }

    // MARK: Answers

    /// A full download: replaces everything.
    public mutating func full(_ body: Data) {
        checkCanaries(body)
        guard let answer = parse(body) else { return complain("a full download is not JSON") }
        guard answer["full"] as? Bool == true else { return complain("a full download does not say so") }
        copy = [:]
        epoch = answer["epoch"] as? String ?? ""
        position = (answer["to"] as? NSNumber)?.int64Value ?? -1
        token = answer["sync_token"] as? String
        isProvisional = answer["has_more"] as? Bool ?? true
        wasReset = false
        entities = Set((answer["data"] as? [String: Any] ?? [:]).keys)
        merge(answer)
        if !isProvisional { checkpoint(answer, why: "full") }
    }

    /// An answer of /sync/changes. Returns whether there is more.
    public mutating func changes(_ body: Data, from requested: Int64) -> Bool {
        checkCanaries(body)
        guard let answer = parse(body), let from = (answer["from"] as? NSNumber)?.int64Value,
            let to = (answer["to"] as? NSNumber)?.int64Value, let next = answer["sync_token"] as? String
        else {
            complain("an answer is not a delta")
            return false
        }
        if from != requested { complain("the answer begins at \(from), the token stood at \(requested)") }
        if to < position { complain("the answer ends at \(to), behind") }
        if answer["epoch"] as? String != epoch { complain("the epoch changed without a refusal") }
        let named = Set((answer["data"] as? [String: Any] ?? [:]).keys)
        if named != entities {
            complain("the answer names \(named.sorted()), asked were \(entities.sorted())")
        }
        merge(answer)
        position = max(position, to)
        token = next
        isProvisional = answer["has_more"] as? Bool ?? true
        if !isProvisional { checkpoint(answer, why: "changes") }
        return isProvisional
    }

    /// The token was refused: everything must be downloaded anew.
    public mutating func refused() { wasReset = true }

    // MARK: Stream

    /// A stream was opened with this token (nil: none).
    public mutating func streamOpened() {
        isReady = false
        greeting = ""
    }

    /// What an event means. `missing`: poll until has_more is false.
    public mutating func receive(_ event: StreamEvent) -> Rule {
        checkCanaries(Data(event.data.utf8))
        guard let data = parse(Data(event.data.utf8)) else {
            complain("\(event.type) is not JSON: \(event.data.prefix(80))")
            return .drop
        }
        switch event.type {
        case "hello": return hello(event, data)
        case "change": return change(event, data)
        case "ready": return ready(event, data)
        case "heartbeat": return heartbeat(event, data)
        case "reset":
            if event.lastEventID != SyncToken.nullText {
                complain("reset carries the id \(event.lastEventID)")
            }
            if !isReady, !greeting.isEmpty, greeting != SyncToken.nullText,
                data["reason"] as? String != "epoch"
            {
                complain("hello carried an id for a position that is not answered")
            }
            wasReset = true
            return .drop
        case "bye":
            if event.carriedID { complain("bye carries an id") }
            return .drop
        default:
            complain("an unknown event \(event.type)")
            return .drop
        }
    }

    private mutating func hello(_ event: StreamEvent, _ data: [String: Any]) -> Rule {
        greeting = event.lastEventID
        if event.lastEventID == SyncToken.nullText { return .drop }
        if case .token(let parsed) = SyncToken.parse(event.lastEventID),
            parsed.pos.rawValue != (data["to"] as? NSNumber)?.int64Value
        {
            complain("hello's id stands at \(parsed.pos), hello elsewhere")
        }
        guard let token, hasCopy else { return .drop }
        if event.lastEventID != token { complain("hello carries another id than was presented") }
        return .drop
    }

    private mutating func change(_ event: StreamEvent, _ data: [String: Any]) -> Rule {
        greeting = ""
        let rule = rule(data)
        if event.lastEventID != data["sync_token"] as? String {
            complain("a change's id is not its sync_token")
        }
        guard rule == .apply else { return rule }
        merge(data)
        move(event, data)
        isProvisional = data["has_more"] as? Bool ?? true
        if !isProvisional { checkpoint(data, why: "change") }
        return rule
    }

    private mutating func ready(_ event: StreamEvent, _ data: [String: Any]) -> Rule {
        let rule = rule(data)
        if rule == .apply { move(event, data) }
        if rule == .missing { return rule }
        isReady = true
        isProvisional = false
        checkpoint(nil, why: "ready")
        return rule
    }

    private mutating func heartbeat(_ event: StreamEvent, _ data: [String: Any]) -> Rule {
        if data["reset"] as? Bool == true {
            if event.lastEventID != SyncToken.nullText {
                complain("a parked heartbeat carries \(event.lastEventID)")
            }
            if !wasReset { complain("a parked heartbeat without a reset") }
            return .drop
        }
        if wasReset {
            complain("a heartbeat that could pass for completeness after a reset")
            return .drop
        }
        let rule = rule(data)
        if rule == .apply {
            if isProvisional { complain("a heartbeat in the middle of a round goes beyond what was written") }
            move(event, data)
            if isReady && !isProvisional { checkpoint(nil, why: "heartbeat") }
        }
        return rule
    }

    private mutating func rule(_ data: [String: Any]) -> Rule {
        guard let from = (data["from"] as? NSNumber)?.int64Value,
            let to = (data["to"] as? NSNumber)?.int64Value
        else {
            complain("an event without from and to")
            return .drop
        }
        guard data["epoch"] as? String == epoch else {
            complain("an event of another epoch")
            return .drop
        }
        if to <= position { return .drop }
        if from <= position { return .apply }
        missingAlarms += 1
        return .missing
    }

    private mutating func move(_ event: StreamEvent, _ data: [String: Any]) {
        position = (data["to"] as? NSNumber)?.int64Value ?? position
        if case .token(let parsed) = SyncToken.parse(event.lastEventID) {
            token = event.lastEventID
            if parsed.pos.rawValue != position {
                complain("the id stands at \(parsed.pos), the event at \(position)")
            }
        } else {
            complain("an id that is no token: \(event.lastEventID)")
        }
    }

    // MARK: Records

    private mutating func merge(_ delta: [String: Any]) {
        for (entity, lists) in delta["data"] as? [String: [String: Any]] ?? [:] {
            if !entities.contains(entity) { complain("\(entity) was not asked for") }
            var seen: Set<String> = []
            for list in ["created", "updated"] {
                for case let record as NSDictionary in lists[list] as? [Any] ?? [] {
                    upsert(entity, record, &seen)
                }
            }
            for id in lists["deleted"] as? [Any] ?? [] {
                if !seen.insert("\(id)").inserted { complain("\(entity) \(id) stands twice in an answer") }
                copy[entity]?["\(id)"] = nil
            }
        }
    }

    private mutating func upsert(_ entity: String, _ record: NSDictionary, _ seen: inout Set<String>) {
        guard let id = record["id"], let version = (record["version"] as? NSNumber)?.int64Value else {
            return complain("a record of \(entity) without id or version")
        }
        if record["deleted_at"] != nil { complain("a live record of \(entity) carries deleted_at") }
        if !seen.insert("\(id)").inserted { complain("\(entity) \(id) stands twice in an answer") }
        if let held = copy[entity]?["\(id)"], held.version > version {
            return complain("\(entity) \(id) went back from version \(held.version) to \(version)")
        }
        copy[entity, default: [:]]["\(id)"] = Held(version: version, record: record)
    }

    private mutating func checkpoint(_ delta: [String: Any]?, why: String) {
        if checksTotals { checkTotals(delta) }
        if let invariant, let broken = invariant(copy) { complain("\(why): \(broken)") }
        checkpoints.append(
            Checkpoint(
                epoch: epoch, position: position, entities: entities,
                versions: copy.mapValues { $0.mapValues(\.version) }, why: why))
    }

    private mutating func checkTotals(_ delta: [String: Any]?) {
        for (entity, lists) in delta?["data"] as? [String: [String: Any]] ?? [:] {
            guard let total = (lists["total"] as? NSNumber)?.intValue, let digest = lists["digest"] as? String
            else {
                complain("\(entity) has no total and digest at has_more false")
                continue
            }
            var own = Digest()
            for (id, held) in copy[entity] ?? [:] { own.add(Key(parsing: id), version: held.version) }
            if total != copy[entity]?.count ?? 0 || digest != own.hex {
                complain(
                    "\(entity): total \(total) digest \(digest), held \(copy[entity]?.count ?? 0) \(own.hex)")
            }
        }
    }

    private mutating func checkCanaries(_ data: Data) {
        for canary in foreignCanaries where data.range(of: Data(canary.utf8)) != nil {
            complain("bytes of another business: \(canary)")
        }
    }

    private func parse(_ data: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    }
}
