// The ways of saying no, and their answers. Codes are stable; messages may improve.

import Domain
import FanOut
import HTTP
import Journal
import Logging

/// Why a request is not answered as asked.
enum Refused: Error {
    case unauthenticated
    case forbidden
    case notFound
    case invalid(String, String)
    case gone(Refusal, entities: [EntityName], fullSyncURL: String)
    /// Not now: with how many seconds to wait.
    case unavailable(retryAfterSeconds: Int)

    var response: Response {
        switch self {
        case .unauthenticated:
            .error(401, "unauthenticated", "Unauthenticated.", fields: [("WWW-Authenticate", "Bearer")])
        case .forbidden: .error(403, "forbidden", "This action is unauthorized.")
        case .notFound: .error(404, "not_found", "There is no such record.")
        case .invalid(let field, let message): .invalid([(field, message)])
        case .gone(let refusal, let entities, let url): Self.gone(refusal, entities, url)
        case .unavailable(let seconds):
            .error(
                503, "unavailable", "Not available right now, try again.",
                fields: [("Retry-After", String(seconds))])
        }
    }

    private static func gone(_ refusal: Refusal, _ entities: [EntityName], _ url: String) -> Response {
        var json = JSONWriter()
        json.raw("{\"message\":\"The sync token cannot be continued from; download in full.\",")
        json.raw("\"error\":\"sync_token_expired\",\"reason\":")
        json.string(refusal.reason.rawValue)
        json.raw(",\"entities\":[")
        for (index, name) in entities.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.string(name.text)
        }
        json.raw("],\"full_sync_url\":")
        json.string(url)
        json.byte(0x7D)
        return .json(json.bytes, status: 410, fields: [("Cache-Control", "no-store")])
    }
}

extension Services {
    /// What an error of a read is answered with.
    func refused(_ error: any Error, scope: Scope) -> Refused {
        guard let refusal = error as? Refusal else {
            // Too many, or a history that is still being judged, is nothing to report.
            if !(error is TooManyReads || error is HistoryChanged) {
                log.error("a read failed", metadata: ["error": "\(error)"])
            }
            return .unavailable(retryAfterSeconds: 1)
        }
        let entities = refusal.entities.isEmpty ? scope.entities : refusal.entities
        return .gone(refusal, entities: entities.map(catalogue.name(of:)), fullSyncURL: url("/sync/full"))
    }
}
