// Net changes in a range of seqs, for one business and entity set: the one JSON shape of the protocol. Poll
// answer, `data:` of a `change` event and full download are all written by `Delta.encode`.

/// Records that are JSON already, in order, separated by commas.
public struct RecordList: Sendable {
    public private(set) var bytes: [UInt8] = []
    public private(set) var count = 0

    public init() {}

    public mutating func append(_ record: [UInt8]) {
        if count > 0 { bytes.append(0x2C) }
        bytes.append(contentsOf: record)
        count += 1
    }
}

/// The net changes of one entity. An id stands once, in one of the three lists.
public struct EntityDelta: Sendable {
    public let entity: EntityNumber
    /// Alive, and this life began after the base of the round.
    public var created = RecordList()
    /// Alive, known before.
    public var updated = RecordList()
    /// Always sent, also for records the client may never have had.
    public var deleted: [Key] = []
    /// At exactly the delta's `to`; nil in the middle of a round.
    public var total: Total?
    /// Which of the records came from a device's upload.
    public var origins: [(id: Key, origin: Origin)] = []

    public init(_ entity: EntityNumber) { self.entity = entity }

    public var recordCount: Int { created.count + updated.count + deleted.count }
}

/// Net changes in `(from, to]`.
public struct Delta: Sendable {
    public var from: Seq
    /// Where the client stands once it has applied this. Its epoch and position are the delta's.
    public let token: SyncToken
    /// The token's, made once for all that tells it.
    public let text: String
    /// True in the middle of a round: the copy is provisional until false.
    public var hasMore: Bool
    /// True when this replaces everything the client has of these entities.
    public var isFull: Bool
    public var entities: [EntityDelta]
    public var serverTime: Timestamp

    public init(
        from: Seq, token: SyncToken, hasMore: Bool, isFull: Bool = false, entities: [EntityDelta],
        serverTime: Timestamp
    ) {
        self.from = from
        self.token = token
        text = token.text
        self.hasMore = hasMore
        self.isFull = isFull
        self.entities = entities
        self.serverTime = serverTime
    }

    public var to: Seq { token.pos }
    public var recordCount: Int { entities.reduce(0) { $0 + $1.recordCount } }
}

extension Delta {
    /// The delta as one line of JSON, without CR or LF anywhere.
    ///
    /// - Parameter nameOf: The wire name of an entity.
    /// - Complexity: One copy of the records' bytes.
    public func encode(nameOf: (EntityNumber) -> EntityName) -> JSONWriter {
        let size = entities.reduce(512) { $0 + $1.created.bytes.count + $1.updated.bytes.count + 160 }
        var json = JSONWriter(reserving: size)
        json.raw("{\"success\":true,")
        if isFull { json.raw("\"full\":true,") }
        json.raw("\"data\":{")
        for (index, part) in entities.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(nameOf(part.entity).text)
            part.encode(to: &json)
        }
        json.raw("},")
        encodeOrigins(to: &json, nameOf: nameOf)
        let range = PositionRange(epoch: token.epoch, from: from, to: to)
        Self.encodeClosing(
            range, text: text, hasMore: hasMore, recordCount: recordCount, serverTime: serverTime, to: &json)
        json.byte(0x7D)
        return json
    }

    /// The members behind `data`, shared with answers that write their records piece by piece.
    ///
    /// - Parameter text: The sync token's.
    public static func encodeClosing(
        _ range: PositionRange, text: String, hasMore: Bool, recordCount: Int, serverTime: Timestamp,
        to json: inout JSONWriter
    ) {
        json.raw("\"sync_token\":")
        json.string(text)
        json.byte(0x2C)
        range.encode(to: &json)
        json.raw(",\"server_timestamp\":\"")
        json.raw(serverTime.utf8)
        json.raw("\",\"has_more\":")
        json.boolean(hasMore)
        json.raw(",\"total_records\":")
        json.integer(recordCount)
    }

    private func encodeOrigins(to json: inout JSONWriter, nameOf: (EntityNumber) -> EntityName) {
        let parts = entities.filter { !$0.origins.isEmpty }
        guard !parts.isEmpty else { return }
        json.raw("\"origins\":{")
        for (index, part) in parts.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(nameOf(part.entity).text)
            json.byte(0x7B)
            for (place, entry) in part.origins.enumerated() {
                if place > 0 { json.byte(0x2C) }
                json.name(entry.id.description)
                json.raw("{\"device_id\":")
                json.string(entry.origin.device)
                json.raw(",\"op_id\":")
                json.string(entry.origin.operation)
                json.byte(0x7D)
            }
            json.byte(0x7D)
        }
        json.raw("},")
    }
}

extension EntityDelta {
    /// The lists and the total, as one object.
    public func encode(to json: inout JSONWriter) {
        json.raw("{\"created\":[")
        json.raw(created.bytes)
        json.raw("],\"updated\":[")
        json.raw(updated.bytes)
        json.raw("],\"deleted\":[")
        for (index, id) in deleted.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.key(id)
        }
        json.byte(0x5D)
        if let total { total.encode(to: &json) }
        json.byte(0x7D)
    }
}

extension Total {
    /// `,"total":…,"digest":"…"`, to stand behind other members.
    public func encode(to json: inout JSONWriter) {
        json.raw(",\"total\":")
        json.integer(live)
        json.raw(",\"digest\":\"")
        digest.encode(to: &json)
        json.byte(0x22)
    }
}

/// `"epoch":…,"from":…,"to":…`: what the position rule is applied to, on every delta and control event.
public struct PositionRange: Hashable, Sendable {
    public let epoch: Epoch
    public let from: Seq
    public let to: Seq

    public init(epoch: Epoch, from: Seq, to: Seq) {
        self.epoch = epoch
        self.from = from
        self.to = to
    }

    /// The three members, without surrounding commas.
    public func encode(to json: inout JSONWriter) {
        json.raw("\"epoch\":\"")
        epoch.encode(to: &json)
        json.raw("\",\"from\":")
        json.integer(from.rawValue)
        json.raw(",\"to\":")
        json.integer(to.rawValue)
    }
}
