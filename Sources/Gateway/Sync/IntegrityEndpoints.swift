// GET /sync/digest and GET /sync/records: how a client whose copy has another digest than the database finds
// the records that differ, and fetches just those. docs/PROTOCOL.md § Repair.
//
// A digest walks the whole entity, and its pieces may be asked for six hundred times a minute: all of it is
// read in turn with the streams that catch up, within their budget of records a second.

import Domain
import FanOut
import HTTP
import Journal
import Lanes
import Logging
import Registry
import SQLiteEngine
import Telemetry

/// What is counted where copies differ.
enum Drift {
    static let metrics: [any Metric] = [reports, repaired, SQLiteStateReader.driftedRecords]

    static let reports = Counter(
        "tidings_drift_reports_total", help: "Clients that asked for buckets: their copy has another digest.")
    static let repaired = Counter(
        "tidings_drift_repaired_records_total", help: "Records fetched by id to repair a copy.")
}

extension Reception {
    /// An entity of the catalogue that this grant reads, named by `entity=`.
    private func entity(_ call: Call, _ grant: Grant) throws(Refused) -> EntityNumber {
        guard let text = call.request.target.value("entity"), !text.isEmpty else {
            throw .invalid("entity", "The entity field is required.")
        }
        guard let name = EntityName(text), let number = services.catalogue.number(named: name) else {
            throw .invalid("entity", "The selected entity is invalid.")
        }
        guard grant.abilities.mayRead(name) else { throw .forbidden }
        return number
    }

    func digest(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let entity = try entity(call, grant)
            let question = try BucketQuestion(call.request.target)
            let services = services
            let answer = call.later
            try services.readers.submit(.backlog, .digest, for: grant.business) { reader in
                answer(services.digest(question, of: entity, grant, reader))
            }
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }

    func records(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let entity = try entity(call, grant)
            let ids = try RecordIDs(
                call.request.target, kind: services.catalogue[entity]?.keyKind ?? .integer)
            let services = services
            let answer = call.later
            try services.readers.submit(.backlog, .records, for: grant.business) { reader in
                answer(services.records(ids.keys, of: entity, grant, reader))
            }
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }
}

/// `buckets=256`, or with `bucket=7f,80` what stands in those. A value.
struct BucketQuestion: Hashable, Sendable {
    static let countMax = 4_096
    /// How many buckets there are.
    let count: Int
    /// The ones whose records are listed; empty: the fingerprints of all.
    let listed: Set<Int>

    init(_ target: RequestTarget) throws(Refused) {
        let text = target.value("buckets") ?? "256"
        guard let count = Int(text), String(count) == text, (1...Self.countMax).contains(count) else {
            throw .invalid("buckets", "The buckets must be between 1 and \(Self.countMax).")
        }
        self.count = count
        var listed = Set<Int>()
        if let text = target.value("bucket") {
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard part.utf8.count <= 4, part.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
                    let bucket = Int(part, radix: 16), bucket < count
                else { throw .invalid("bucket", "The bucket must be the hexadecimal number of a bucket.") }
                listed.insert(bucket)
            }
        }
        self.listed = listed
    }
}

/// `ids=7,12`. A value.
struct RecordIDs: Hashable, Sendable {
    static let countMax = 500
    /// In the order asked for, each once.
    let keys: [Key]

    init(_ target: RequestTarget, kind: KeyKind) throws(Refused) {
        let parts = (target.value("ids") ?? "").split(separator: ",")
        guard !parts.isEmpty else { throw .invalid("ids", "The ids field is required.") }
        guard parts.count <= Self.countMax else {
            throw .invalid("ids", "The ids must not have more than \(Self.countMax) items.")
        }
        var seen = Set<Key>()
        var keys: [Key] = []
        for part in parts {
            guard let key = Key(String(part), kind: kind) else {
                throw .invalid("ids", "The ids must be integers.")
            }
            if seen.insert(key).inserted { keys.append(key) }
        }
        self.keys = keys
    }
}

extension Key {
    /// An id as an address names it; nil when a table with such keys cannot hold it.
    init?(_ text: String, kind: KeyKind) {
        switch kind {
        case .text: self = .text(text)
        case .integer:
            guard let value = Int64(text), String(value) == text else { return nil }
            self = .integer(value)
        }
    }
}

extension Services {
    fileprivate func digest(
        _ question: BucketQuestion, of entity: EntityNumber, _ grant: Grant, _ reader: any StateReader
    ) -> Response {
        do {
            var json = JSONWriter()
            if question.listed.isEmpty {
                let found = try reader.buckets(of: entity, business: grant.business, count: question.count)
                readers.spend(walked: found.walked)
                Drift.reports.add()
                log.notice("a copy differs", metadata: drift(entity, grant))
                open(found.head, entity, &json)
                json.raw(",\"buckets\":[")
                for (index, total) in found.totals.enumerated() {
                    json.raw(index > 0 ? ",[" : "[")
                    json.integer(total.live)
                    json.raw(",\"")
                    total.digest.encode(to: &json)
                    json.raw("\"]")
                }
            } else {
                let found = try reader.versions(
                    of: entity, business: grant.business, buckets: question.listed, count: question.count)
                readers.spend(walked: found.walked)
                open(found.head, entity, &json)
                json.raw(",\"records\":[")
                for (index, record) in found.records.enumerated() {
                    json.raw(index > 0 ? ",[" : "[")
                    json.key(record.id)
                    json.byte(0x2C)
                    json.safeInteger(record.version)
                    json.byte(0x5D)
                }
            }
            json.raw("]}")
            return .json(json.bytes, fields: [("Cache-Control", "no-store")])
        } catch {
            return refused(error, scope: Scope(business: grant.business, entities: EntitySet([entity])))
                .response
        }
    }

    private func open(_ head: Head, _ entity: EntityNumber, _ json: inout JSONWriter) {
        json.raw("{\"success\":true,\"entity\":")
        json.string(catalogue.name(of: entity).text)
        json.raw(",\"epoch\":\"")
        head.epoch.encode(to: &json)
        json.raw("\",\"to\":")
        json.integer(head.seq.rawValue)
    }

    /// A delta of exactly these. `from` is `to`, and there is no token: nobody's position moves by it.
    fileprivate func records(
        _ ids: [Key], of entity: EntityNumber, _ grant: Grant, _ reader: any StateReader
    ) -> Response {
        do {
            let found = try reader.records(ids, of: entity, business: grant.business)
            readers.spend(ids.count)
            Drift.repaired.add(ids.count)
            var metadata = drift(entity, grant)
            metadata["records"] = "\(ids.count)"
            log.notice("a copy is repaired", metadata: metadata)
            var part = EntityDelta(entity)
            part.updated = found.records
            part.deleted = found.absent
            part.total = found.total
            var json = JSONWriter(reserving: found.records.bytes.count + 512)
            json.raw("{\"success\":true,\"data\":{")
            json.name(catalogue.name(of: entity).text)
            part.encode(to: &json)
            json.raw("},")
            PositionRange(epoch: found.head.epoch, from: found.head.seq, to: found.head.seq).encode(to: &json)
            json.raw(",\"server_timestamp\":\"")
            json.raw(clock.now.utf8)
            json.raw("\",\"has_more\":false,\"total_records\":")
            json.integer(part.recordCount)
            json.byte(0x7D)
            return .json(json.bytes, fields: [("Cache-Control", "no-store")])
        } catch {
            return refused(error, scope: Scope(business: grant.business, entities: EntitySet([entity])))
                .response
        }
    }

    private func drift(_ entity: EntityNumber, _ grant: Grant) -> Logger.Metadata {
        [
            "business": "\(grant.business)", "device": "\(grant.deviceName)",
            "entity": "\(catalogue.name(of: entity))",
        ]
    }
}
