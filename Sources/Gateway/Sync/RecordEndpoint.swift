// GET and HEAD /{entity}/{id}: one record, for clients that cache by tag. docs/PROTOCOL.md § Records.

import Domain
import HTTP
import Journal
import Lanes
import Registry

extension Reception {
    func record(_ call: Call, _ entity: EntityNumber, _ id: String) {
        do {
            let grant = try authenticate(call).get()
            guard let definition = services.catalogue[entity], grant.abilities.mayRead(definition.name) else {
                throw Refused.forbidden
            }
            let fields = try FieldSelection(call.request.target, of: definition)
            guard let key = Key(id, kind: definition.keyKind) else { throw Refused.notFound }
            let services = services
            let (answer, refuse) = (call.later, call.laterRefusal)
            try services.readers.submit(.answer, .record, for: grant.business) { reader in
                do {
                    let found = try reader.record(
                        key, of: entity, business: grant.business, fields: fields.columns)
                    guard let found else { return refuse(.notFound) }
                    answer(services.response(to: found, fields))
                } catch {
                    let scope = Scope(business: grant.business, entities: EntitySet([entity]))
                    answer(services.refused(error, scope: scope).response)
                }
            }
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }
}

/// `fields=name,price` and `embed=links`: which of an entity's fields and children are wanted. A value.
struct FieldSelection: Hashable, Sendable {
    /// In every record, whatever is asked for.
    private static let always: Set<String> = ["id", "version", "created_at", "updated_at"]

    /// Their names, in the catalogue's order; nil: all.
    let columns: [String]?

    init(_ target: RequestTarget, of entity: EntityDefinition) throws(Refused) {
        let (fields, children) = (entity.fields.map(\.name), entity.embeds.map(\.name))
        let named = try Self.names(target, "fields", among: fields + children, of: entity)
        let embedded = try Self.names(target, "embed", among: children, of: entity)
        // Chosen fields bring no children along; chosen children leave the fields whole.
        let wanted = (named ?? Set(fields + (embedded == nil ? children : []))).union(embedded ?? [])
        let all = fields + children
        columns = wanted.count == all.count ? nil : all.filter(wanted.contains)
    }

    private static func names(
        _ target: RequestTarget, _ parameter: String, among known: [String], of entity: EntityDefinition
    ) throws(Refused) -> Set<String>? {
        guard let text = target.value(parameter) else { return nil }
        let names = Set(text.split(separator: ",").map(String.init)).subtracting(always)
        if let stranger = names.subtracting(known).min() {
            throw .invalid(
                parameter,
                "The selected \(parameter) is invalid: \(entity.name) has no \(stranger.prefix(64)).")
        }
        return names
    }
}

extension Services {
    fileprivate func response(to record: SingleRecord, _ fields: FieldSelection) -> Response {
        var json = JSONWriter(reserving: record.json.count + 32)
        json.raw("{\"success\":true,\"data\":")
        json.raw(record.json)
        json.byte(0x7D)
        var response = Response.json(json.bytes, fields: [("Cache-Control", "private, no-cache")])
        response.validators = Validators(
            tag: EntityTag("v\(record.version)" + suffix(record, fields)), changedAt: record.changedAt)
        return response
    }

    /// Nothing for the whole record in the gateway's first history and catalogue. A version says nothing
    /// about which fields it is shown with, and is given again by another history.
    private func suffix(_ record: SingleRecord, _ fields: FieldSelection) -> String {
        let isFirst = firstEdition.value == Edition(epoch: record.epoch, generation: catalogue.generation)
        guard fields.columns != nil || !isFirst else { return "" }
        var hash: UInt32 = 0x811C_9DC5
        let names = fields.columns?.joined(separator: ",") ?? "*"
        for byte in "\(record.epoch) \(catalogue.generation) \(names)".utf8 {
            hash = (hash ^ UInt32(byte)) &* 0x0100_0193
        }
        let hex = String(hash, radix: 16)
        return "-" + String(repeating: "0", count: 8 - hex.utf8.count) + hex
    }
}
