// The answer to a batch as JSON. `checkpoint` is where the device's own writes are in its copy once its
// position has reached it; it is no token. docs/PROTOCOL.md § Uploads.

import Domain
import HTTP
import Journal
import Registry

/// Writes answers to batches. A value.
struct UploadAnswer {
    let catalogue: EntityCatalogue
    /// Whose answer it is: records it may not read are left out.
    let grant: Grant
    let now: Timestamp

    /// What stands in the way of an atomic batch: 409 for a conflict, 422 for anything else.
    func undone(_ results: [OperationResult]) -> Response {
        let culprit = results.first { $0.needsAttention && $0.status != .skipped }
        let status = culprit?.status == .conflict ? 409 : 422
        return .json(body(results, checkpoint: nil, isUndone: true), status: status)
    }

    func body(_ results: [OperationResult], checkpoint: Head?, isUndone: Bool = false) -> [UInt8] {
        var json = JSONWriter(reserving: 256 + results.count * 160)
        json.raw("{\"success\":")
        json.boolean(!results.contains(where: \.needsAttention))
        if isUndone {
            json.raw(",\"message\":\"Nothing was applied: an operation of the batch failed.\"")
            json.raw(",\"error\":\"batch_failed\"")
        }
        json.raw(",\"summary\":{")
        for (index, status) in OperationResult.Status.allCases.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(status.rawValue)
            json.integer(results.count { $0.status == status })
        }
        json.raw("},\"results\":[")
        for (index, result) in results.enumerated() {
            if index > 0 { json.byte(0x2C) }
            write(result, to: &json)
        }
        json.raw("],\"checkpoint\":")
        if let checkpoint {
            json.raw("{\"epoch\":\"")
            checkpoint.epoch.encode(to: &json)
            json.raw("\",\"seq\":")
            json.integer(checkpoint.seq.rawValue)
            json.byte(0x7D)
        } else {
            json.raw("null")
        }
        json.raw(",\"server_timestamp\":\"")
        json.raw(now.utf8)
        json.raw("\"}")
        return json.bytes
    }

    private func write(_ result: OperationResult, to json: inout JSONWriter) {
        func member(_ name: StaticString, _ text: String?) {
            guard let text else { return }
            json.byte(0x2C)
            json.name(name)
            json.string(text)
        }
        json.raw("{\"op_id\":")
        json.string(result.operation)
        member("status", result.status.rawValue)
        json.raw(",\"http_status\":")
        json.integer(result.httpStatus)
        let entity = result.entity.map(catalogue.name(of:))
        member("entity", entity?.text)
        if let id = result.id {
            json.raw(",\"id\":")
            json.key(id)
        }
        if let version = result.version {
            json.raw(",\"version\":")
            json.safeInteger(version)
        }
        member("client_id", result.clientID)
        member("error", result.error?.code)
        member("message", result.error?.message)
        if !result.failures.isEmpty {
            json.raw(",\"errors\":")
            json.errors(result.failures)
        }
        if result.status == .conflict, let entity, grant.abilities.mayRead(entity) {
            json.raw(",\"server\":")
            if let record = result.record { json.raw(record) } else { json.raw("null") }
        }
        json.byte(0x7D)
    }
}
