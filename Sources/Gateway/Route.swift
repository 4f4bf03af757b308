// Which endpoint a path means. Everything stands below /api/v1; /sync/* also without it.

import Domain
import HTTP

/// The endpoints of the public listener.
enum Route: Hashable, Sendable {
    case register, full, changes, stream, ticket, ack, batch, digest, records
    case page(Page)
    case record(EntityNumber, id: String)

    /// - Parameter catalogue: Its entities are resources.
    init?(_ path: String, _ catalogue: EntityCatalogue) {
        let isVersioned = path.hasPrefix(Self.prefix)
        let rest = isVersioned ? String(path.dropFirst(Self.prefix.count - 1)) : path
        if let endpoint = Self.endpoints[rest] {
            self = endpoint
        } else if let page = Page(path: path) ?? (rest == Page.openAPI.path ? .openAPI : nil) {
            self = .page(page)
        } else {
            let parts = rest.dropFirst().split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard isVersioned, parts.count == 2, !parts[1].isEmpty, let name = EntityName(String(parts[0])),
                let entity = catalogue.number(named: name)
            else { return nil }
            self = .record(entity, id: String(parts[1]))
        }
    }

    /// Below /api/v1, and without it.
    static let endpoints: [String: Route] = [
        "/sync/register": .register, "/sync/full": .full, "/sync/changes": .changes, "/sync/stream": .stream,
        "/sync/ticket": .ticket, "/sync/ack": .ack, "/sync/digest": .digest, "/sync/records": .records,
        "/sync/batch": .batch,
    ]

    private static let prefix = "/api/v1/"

    /// Whether a path belongs to the API, whatever stands there.
    static func isAPI(_ path: String) -> Bool { path.hasPrefix(prefix) || path.hasPrefix("/sync/") }

    /// What `Allow` says, OPTIONS aside.
    var methods: [String] {
        switch self {
        case .register, .ticket, .ack, .batch: ["POST"]
        case .stream: ["GET"]
        case .full, .changes, .digest, .records, .record, .page: ["GET", "HEAD"]
        }
    }

    /// Which limit a request counts towards; nil: the endpoint says, or none.
    func rateGroup(_ target: RequestTarget) -> RateGroup? {
        switch self {
        case .register, .page: nil
        case .full: .sync
        case .changes: Self.isContinuing(target) ? .continuation : .sync
        case .digest: target.value("bucket") == nil ? .sync : .continuation
        case .records, .ticket, .ack, .stream: .continuation
        case .record: .general
        case .batch: .batch
        }
    }

    /// A poll that waits, or a further page of a round.
    private static func isContinuing(_ target: RequestTarget) -> Bool {
        if let wait = target.value("wait"), wait != "0" { return true }
        guard case .token(let token)? = target.value("sync_token").map(SyncToken.parse) else { return false }
        return !token.isSettled
    }
}
